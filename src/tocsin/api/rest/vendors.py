"""Vendors: the tools for which an integration can be made."""

from tocsin.api.kit import Answer, Call, Shown, listed, operation, shown
from tocsin.api.senders import vendors
from tocsin.domain.services.vendor import Vendor
from tocsin.ground.errors import Refused, Why
from tocsin.ground.page import Listed


@operation("GET", "/vendors")
async def list_vendors(call: Call) -> Answer:
    """List the vendors by name; `query` looks into names, `category` chooses one kind of tool."""
    stretch, query = call.stretch(), (call.text("query") or "").lower()
    category = call.text("category")
    wanted = [
        vendor for vendor in vendors().values() if query in vendor.name.lower() and category in {None, vendor.category}
    ]
    end = stretch.offset + stretch.limit
    page = Listed(
        tuple(wanted[stretch.offset : end]), more=len(wanted) > end, total=len(wanted) if stretch.total else None
    )
    return listed("vendors", [show_vendor(call, vendor) for vendor in page.rows], page=page, stretch=stretch)


@operation("GET", "/vendors/{id}")
async def show_one(call: Call) -> Answer:
    """Show a vendor."""
    vendor = vendors().get(call.path["id"])
    if vendor is None:
        raise Refused(Why.NOT_FOUND, "There is no vendor with this id.")
    return shown("vendor", show_vendor(call, vendor))


def show_vendor(call: Call, vendor: Vendor) -> Shown:
    """Return a vendor as a client reads it; `category` and `origin` are our own."""
    return call.links.head("vendor", vendor.id, vendor.name) | {
        "html_url": None,
        "name": vendor.name,
        "website_url": vendor.website or None,
        "logo_url": None,
        "thumbnail_url": None,
        "description": vendor.description,
        "integration_guide_url": None,
        "category": vendor.category,
        "origin": vendor.origin,
    }
