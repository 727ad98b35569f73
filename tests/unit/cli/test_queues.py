"""Queue depth, and messages in batches."""

from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.cli.aws.queues import BATCH, QueueDepth, batches, queue_depth, send_messages
from alternate_contacts.cli.aws.session import Session
from tests.fakes.cli import STACK, FakeSqs


def test_the_depth_counts_visible_and_in_flight_messages(sqs: FakeSqs) -> None:
    sqs.fail("111111111111")
    sqs.fail("222222222222").visible_at = 10
    depth = queue_depth(Session().client("sqs"), STACK.queue_url("FailedAccountQueue"))
    assert depth == QueueDepth(visible=1, in_flight=1, delayed=0)


def test_the_total_depth_counts_delayed_messages_too() -> None:
    assert QueueDepth(1, 2, 3).total == 6


def test_rejected_messages_are_returned_by_their_index(sqs: FakeSqs) -> None:
    sqs.rejections["SendMessageBatch"] = lambda entry: "InternalError" if entry["MessageBody"] == "b" else None
    assert send_messages(Session().client("sqs"), STACK.queue_url("AccountQueue"), ["a", "b", "c"]) == {1}
    assert sqs.bodies("AccountQueue") == ["a", "c"]


@given(st.lists(st.integers(0, 260_000), max_size=60))
def test_batches_keep_the_order_and_the_limits_of_sqs(sizes: list[int]) -> None:
    made = list(batches(sizes, size=lambda size: size))
    assert [size for batch in made for size in batch] == sizes
    assert all(1 <= len(batch) <= BATCH for batch in made)
    assert all(sum(batch) <= 200_000 or len(batch) == 1 for batch in made)
