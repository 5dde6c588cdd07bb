"""Why a row does not become part of a table: reasons that more than one module knows."""

LATER = "after the night"
"""Not a fault: an event of the night's day or later. A later night reads it."""
NOBODY = "user_id is missing"
FROM_ZERO = "position is below 1"
"""Made by `number_rules`."""
NO_QUERY = "query is missing"
UNWEIGHTED = "type is not one of [weights]"
REPEATED = "the same event stands in an earlier row"
LEFT_OUT = "left out by where"
OF_LEFT_OUT_ITEM = "its item is left out by where"
GUEST = "of a guest"
RETURN = "a return"
NO_FAULTS = {
    LATER: "later_events",
    LEFT_OUT: "left_out",
    OF_LEFT_OUT_ITEM: "left_out_with_items",
    GUEST: "guests_dropped",
    RETURN: "returns_dropped",
}
"""Reasons that are no faults: such a row neither goes on nor to quarantine. Each with its name in the receipt."""
