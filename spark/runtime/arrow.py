"""Arrow as Spark, Delta and Python hand it to each other: one spelling of each type."""

import pyarrow as pa


def plain(rows: pa.Table) -> pa.Table:
    """The same rows in the types that Spark knows, every field nullable as in the tables."""
    schema = pa.schema([pa.field(each.name, _plain_type(each.type)) for each in rows.schema])
    # Without a row there may be no chunk either, from which neither Arrow nor Spark can tell the type.
    return rows.cast(schema) if rows.num_rows else schema.empty_table()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_binary_view(kind) or pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_uint64(kind):
        return pa.int64()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, _plain_type(each.type)) for each in kind])
    return kind
