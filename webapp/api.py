"""The JSON API: the page's actions and views for programs."""

import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from webapp.actions import Done
from webapp.errors import BadInput, UnknownCustomer
from webapp.inputs import engagement_input, is_customer_id, order_input, profile_input
from webapp.paging import page_limit, query_text
from webapp.read_model import Customer
from webapp.services import services

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.post("/customers")
def create_customer() -> tuple[Response, int]:
    """Create a customer. Optional: first_name, last_name, email."""
    return done_json(services().actions.create(profile_input(_body()))), 201


@blueprint.post("/customers/<customer_id>/orders")
def add_order(customer_id: str) -> tuple[Response, int]:
    """Add an order. Optional: items [{sku, quantity, price_cents}], order_total_cents; else random."""
    return done_json(services().actions.order(customer_id, order_input(_body()))), 201


@blueprint.post("/customers/<customer_id>/engagements")
def engage(customer_id: str) -> tuple[Response, int]:
    """Engage the customer. Optional: channel, status; else random."""
    return done_json(services().actions.engage(customer_id, engagement_input(_body()))), 201


@blueprint.delete("/customers/<customer_id>")
def erase(customer_id: str) -> Response:
    """Erase the customer."""
    return done_json(services().actions.erase(customer_id))


@blueprint.get("/customers")
def customers() -> Response:
    """A page of customers: {customers, next_cursor, total}. Arguments: query, limit (1 to 200), cursor."""
    args = request.args
    page = services().read_model.customers(query_text(args, "query"), page_limit(args), args.get("cursor"))
    found = [customer_json(customer) for customer in page.customers]
    return jsonify(customers=found, next_cursor=page.next_cursor, total=page.total)


@blueprint.get("/customers/<customer_id>")
def customer(customer_id: str) -> Response:
    """One customer: {customer_id, live, gold, segment, propensity}, each the view's envelope or null."""
    found = services().read_model.customer(customer_id) if is_customer_id(customer_id) else None
    if found is None or not (found.exists or services().actions.is_recent(customer_id)):
        raise UnknownCustomer(f"there is no customer {customer_id[:50]}")
    return jsonify(customer_json(found))


def customer_json(found: Customer) -> dict[str, Any]:
    """A customer as the API gives it."""
    return asdict(found)


def done_json(done: Done) -> Response:
    """An acknowledged action: the record's position, the event's id, and what the event says."""
    ack = done.ack
    return jsonify(
        customer_id=done.customer_id,
        event_id=ack.event_id,
        topic=ack.topic,
        partition=ack.partition,
        offset=ack.offset,
        event=done.event.value,
    )


def _body() -> dict[str, Any]:
    """The request's JSON object; no body is an empty one."""
    data = request.get_data()
    if not data.strip():
        return {}
    if not request.is_json:
        abort(415, "the body must be JSON, with Content-Type: application/json")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInput(f"the body must be a JSON object, not {type(found).__name__}")
    return found
