"""The pinned list of jars (`ivy.xml`), their checksums, and what brings them."""
