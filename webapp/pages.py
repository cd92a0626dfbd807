"""The pages for people, and their forms. Every form works without JavaScript: POST, then a redirect with a banner."""

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import generate_csrf
from werkzeug.wrappers import Response as BaseResponse

from webapp import show
from webapp.actions import Done
from webapp.commands.errors import PublishError
from webapp.errors import BadInput, RedisUnavailable, UnknownCustomer
from webapp.http_errors import wants_json
from webapp.inputs import engagement_input, is_customer_id, order_input, profile_input
from webapp.paging import PAGE_SIZE, query_text
from webapp.read_model import Customer
from webapp.services import services

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def customers() -> str:
    """The list of customers, newest change first, or those that a search finds."""
    query = query_text(request.args, "q")
    page, outage = None, None
    try:
        page = services().read_model.customers(query, PAGE_SIZE, request.args.get("cursor"))
    except RedisUnavailable as error:
        outage = str(error)
    template = "_rows.html" if request.args.get("part") == "rows" else "customers.html"
    return render_template(template, page=page, query=query, outage=outage, **_common())


@blueprint.get("/customers/<customer_id>")
def customer(customer_id: str) -> str:
    """One customer: profile, both views side by side, propensity, positions."""
    found, outage = Customer(customer_id), None
    if not is_customer_id(customer_id):
        raise UnknownCustomer(f"{customer_id[:50]!r} is not a customer's id")
    try:
        found = services().read_model.customer(customer_id)
        if not found.exists and not services().actions.is_recent(customer_id):
            raise UnknownCustomer(f"there is no customer {customer_id}")
    except RedisUnavailable as error:
        outage = str(error)
    template = "_customer.html" if request.args.get("part") == "customer" else "customer.html"
    return render_template(template, customer=found, outage=outage, **_common())


@blueprint.get("/session")
def session_token() -> Response:
    """A fresh token for the forms of a page that was open while the web app was restarted."""
    return jsonify(csrf_token=generate_csrf())


@blueprint.post("/customers")
def create_customer() -> BaseResponse:
    """Create a customer."""
    try:
        done = services().actions.create(profile_input(_fields()))
    except (BadInput, PublishError) as error:
        return _refused(error)
    name = " ".join(str((done.event.value or {}).get(part) or "") for part in ("first_name", "last_name")).strip()
    return _accepted(done, f"Customer {name} created.")


@blueprint.post("/customers/<customer_id>/orders")
def add_order(customer_id: str) -> BaseResponse:
    """Add a random order."""
    try:
        done = services().actions.order(customer_id, order_input(_fields()))
    except (BadInput, UnknownCustomer, PublishError) as error:
        return _refused(error)
    return _accepted(done, f"Order of {show.money((done.event.value or {}).get('order_total_cents'))} placed.")


@blueprint.post("/customers/<customer_id>/engagements")
def engage(customer_id: str) -> BaseResponse:
    """Engage the customer."""
    try:
        done = services().actions.engage(customer_id, engagement_input(_fields()))
    except (BadInput, UnknownCustomer, PublishError) as error:
        return _refused(error)
    value = done.event.value or {}
    return _accepted(done, f"Engaged by {str(value.get('channel')).replace('_', '-')}: {value.get('status')}.")


@blueprint.post("/customers/<customer_id>/erase")
def erase(customer_id: str) -> BaseResponse:
    """Erase the customer."""
    try:
        done = services().actions.erase(customer_id)
    except (UnknownCustomer, PublishError) as error:
        return _refused(error)
    return _accepted(done, "Customer erased; it leaves the views in a moment.")


def _fields() -> dict[str, str]:
    """The form's own fields."""
    return {name: value for name, value in request.form.items() if name not in ("csrf_token", "back")}


def _accepted(done: Done, what: str) -> BaseResponse:
    ack = done.ack
    text = f"{what} Stored in {ack.topic}, partition {ack.partition}, offset {ack.offset}."
    if wants_json():
        answer = jsonify(
            banner=text,
            customer_id=done.customer_id,
            event_id=ack.event_id,
            topic=ack.topic,
            partition=ack.partition,
            offset=ack.offset,
        )
        answer.status_code = 201
        return answer
    flash(text, "done")
    return redirect(_back(), 303)


def _refused(error: Exception) -> BaseResponse:
    """Without JavaScript a refusal is a banner too, on the page the person came from; scripts get its status."""
    if wants_json() or not isinstance(error, PublishError):
        raise error
    sent = "It may or may not have been sent" if error.outcome_unknown else "Nothing was sent"
    flash(f"{sent}: {error}", "failed")
    return redirect(_back(), 303)


def _back() -> str:
    """The page of ours that the form was on."""
    back = request.form.get("back", "")
    is_ours = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if is_ours else url_for("pages.customers")


def _common() -> dict[str, object]:
    """What every page shows."""
    lab = services()
    return {"now_ms": lab.now_ms(), "troubles": lab.health.troubles(), "show": show, "back": _here()}


def _here() -> str:
    return url_for(request.endpoint or "pages.customers", **{**(request.view_args or {}), **_kept_args()})


def _kept_args() -> dict[str, str]:
    return {name: request.args[name] for name in ("q", "cursor") if request.args.get(name)}
