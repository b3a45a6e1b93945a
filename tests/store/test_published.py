"""The tree as its readers see it: out of its stored tiles come the root and the proofs of its signed head."""

import pytest

from broker.model.record import Event, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.published import PublishedKey, PublishedTree
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.merkle import included, inclusion_path, leaf_hash, root_of
from tests.support.log_keys import LOG_KEYS

(KEY,) = LOG_KEYS.verifiers()


@pytest.mark.parametrize("size", [0, 1, 256, 600])
def test_stored_tiles_give_the_signed_root_and_proofs_of_every_record(database: Database, size: int) -> None:
    records = [Record(Event.POLICY_REFUSED, {"kept": str(number), "error": "x"}) for number in range(size)]
    if records:
        StoredLog(database).append(records, Reserve.NONE)
    tree = PublishedTree(database)
    head = parsed_checkpoint(tree.checkpoint()).head
    node = tree.node_reader()
    assert (head.size, head.root) == (size, root_of(size, node))
    for leaf in StoredLog(database).leaves(0, size):
        path = inclusion_path(leaf.seq, size, node)
        assert included(leaf.seq, size, leaf_hash(leaf.content), path, head.root)


def test_the_keys_are_published_with_the_sizes_whose_heads_they_sign(database: Database) -> None:
    assert PublishedTree(database).public_keys() == (PublishedKey(KEY.id, KEY.name, str(KEY), 0, None),)


def test_a_key_signs_up_to_the_size_at_which_it_was_retired() -> None:
    key = PublishedKey(KEY.id, KEY.name, str(KEY), 3, 7)
    assert [key.signs(size) for size in (2, 3, 7, 8)] == [False, True, True, False]
