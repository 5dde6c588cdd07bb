"""The one statement of the table of kept vectors. It is no table of a run, but outlives it."""

from jobs.infra.tables import Field, RunTable

KEPT = RunTable(
    "kept",
    ("key",),
    (
        Field("key", "binary", "sha256 of the text in UTF-8, or of the picture's bytes"),
        Field("vector", "array<float>", "as in `text_vectors` or `look_vectors`"),
        Field("reason", "string", "as in `look_vectors`"),
        Field("device", "string", "the torch device that computed it"),
        Field("gpu", "string", "as in `text_vectors`"),
    ),
)
"""What encoders made in this night and in earlier ones (`jobs.infra.kept`)."""
