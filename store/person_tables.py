"""The tables of persons: who they are lies sealed, and the key to it can be destroyed."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from store.tables import MOMENT, NO_WORDS, metadata

persons = Table(
    "persons",
    metadata,
    Column("person_ref", Text, primary_key=True),
    Column("sealed", LargeBinary),
    Column("id_lookup", LargeBinary, unique=True),
    Column("phone_lookup", LargeBinary),
    Column("groups", ARRAY(Text), nullable=False, server_default=NO_WORDS),
    Column("registered_at", MOMENT, nullable=False),
    Column("erased_at", MOMENT),
)
"""`sealed` holds name, numbers and sensitive groups under her own key, `groups` the other groups.
The look-ups are keyed hashes. Of an erased person nothing is left but the reference."""
Index(
    "ix_persons_phone_lookup",
    persons.c.phone_lookup,
    postgresql_where=persons.c.phone_lookup.is_not(None),
)

person_keys = Table(
    "person_keys",
    metadata,
    Column("person_ref", Text, ForeignKey("persons.person_ref"), primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("made_at", MOMENT, nullable=False),
)
"""One data key each, wrapped by the master key. Without its line the person can't be read again."""

erasures_asked = Table(
    "erasures_asked",
    metadata,
    Column("person_ref", Text, ForeignKey("persons.person_ref"), primary_key=True),
    Column("by_id", Text, nullable=False),
    Column("by_role", Text, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Erasures that wait for a second person."""
