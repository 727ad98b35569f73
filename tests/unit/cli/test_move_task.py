"""SQS moves the messages of FailedAccountQueue to AccountQueue, one task at a time."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from alternate_contacts.cli.aws.move_task import MoveTasks
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.terminal.errors import CliError
from tests.fakes.cli import STACK, FakeSqs, deny
from tests.fakes.clock import FakeClock
from tests.fakes.wire import FakeWire, HttpResponse, error_response

ACCOUNT, OTHER = "111111111111", "222222222222"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def tasks(sqs: FakeSqs, clock: FakeClock) -> MoveTasks:
    assert sqs.tasks == []
    return MoveTasks(Session().client("sqs"), STACK, clock.sleep)


def test_it_reports_progress(tasks: MoveTasks, sqs: FakeSqs) -> None:
    sqs.moves_at_a_time = 4
    for number in range(10):
        sqs.fail(f"{number:012}")
    progress: list[int] = []
    assert tasks.move(10, progress.append) == 10
    assert progress == [4, 8, 10]


def test_it_starts_tasks_until_the_queue_is_empty(tasks: MoveTasks, sqs: FakeSqs) -> None:
    # A message that is in flight becomes visible after the first task has started.
    sqs.fail(ACCOUNT)
    sqs.fail(OTHER).visible_at = 1
    sqs.on_move = lambda: setattr(sqs.clock, "now", 2)
    progress: list[int] = []
    assert tasks.move(2, progress.append) == 2
    assert len(sqs.tasks) == 2
    assert progress == [1, 2]


def test_it_starts_no_task_for_messages_that_failed_again_after_the_goal(tasks: MoveTasks, sqs: FakeSqs) -> None:
    def fail_again() -> None:
        assert len(sqs.tasks) == 1
        sqs.fail(ACCOUNT)

    sqs.fail(ACCOUNT)
    sqs.on_move = fail_again
    assert tasks.move(1, lambda _: None) == 1
    assert len(sqs.bodies("FailedAccountQueue")) == 1


def test_the_remaining_messages_are_counted_again_for_three_seconds(
    tasks: MoveTasks, sqs: FakeSqs, clock: FakeClock
) -> None:
    assert tasks.remaining() == 0
    sqs.fail(ACCOUNT)
    assert tasks.remaining() == 1
    assert sum(clock.sleeps) == 3


def test_counting_ends_with_the_last_message(tasks: MoveTasks, sqs: FakeSqs, clock: FakeClock) -> None:
    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        sqs.queues["FailedAccountQueue"].clear()

    sqs.fail(ACCOUNT)
    tasks._sleep = sleep
    assert tasks.remaining() == 0
    assert clock.sleeps == [0.5]


def test_it_joins_a_running_task(tasks: MoveTasks, sqs: FakeSqs) -> None:
    sqs.moves_at_a_time = 2
    for number in range(6):
        sqs.fail(f"{number:012}")
    sqs._start({"SourceArn": "x:FailedAccountQueue", "DestinationArn": "x:AccountQueue"})
    assert tasks.move(6, lambda _: None) == 4  # two were moved before it joined
    assert len(sqs.tasks) == 1


def test_it_ends_if_no_message_can_be_moved(tasks: MoveTasks, sqs: FakeSqs) -> None:
    assert tasks.move(5, lambda _: None) == 0
    assert len(sqs.tasks) == 1


def list_tasks(aws: FakeWire, *responses: list[dict[str, Any]]) -> None:
    """Respond to ListMessageMoveTasks with each of these once, and then always with the last."""
    rest = list(responses)
    aws.respond(
        "ListMessageMoveTasks",
        lambda _: HttpResponse(body={"Results": rest.pop(0) if len(rest) > 1 else rest[0]}),
    )


def test_a_failed_task_is_an_error_with_its_reason(tasks: MoveTasks, aws: FakeWire) -> None:
    list_tasks(
        aws,
        [],
        [
            {
                "Status": "FAILED",
                "FailureReason": "CouldNotDetermineMessageSource",
                "ApproximateNumberOfMessagesMoved": 2,
                "StartedTimestamp": 1,
            }
        ],
    )
    with pytest.raises(CliError, match="after 2 messages with status FAILED: CouldNotDetermineMessageSource"):
        tasks.move(5, lambda _: None)


def test_a_task_may_have_no_count_yet(tasks: MoveTasks, aws: FakeWire) -> None:
    uncounted = {"Status": "RUNNING", "StartedTimestamp": 1}
    completed = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3, "StartedTimestamp": 1}
    list_tasks(aws, [uncounted], [uncounted], [completed])
    progress: list[int] = []
    assert tasks.move(3, progress.append) == 3
    assert progress == [0, 0, 3]


def test_it_waits_until_the_new_task_is_listed(tasks: MoveTasks, aws: FakeWire, clock: FakeClock) -> None:
    old = [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 99, "StartedTimestamp": 1}]
    new = [{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 3, "StartedTimestamp": 2}]
    list_tasks(aws, old, old, old, new)
    assert tasks.move(3, lambda _: None) == 3
    assert len(clock.sleeps) == 2


def test_a_task_that_is_never_listed_is_an_error(tasks: MoveTasks, aws: FakeWire) -> None:
    list_tasks(aws, [])
    with pytest.raises(CliError, match="does not list it"):
        tasks.move(3, lambda _: None)


def test_all_permissions_of_a_move_are_named(tasks: MoveTasks, aws: FakeWire) -> None:
    deny(aws, "StartMessageMoveTask")
    with pytest.raises(CliError, match="sqs:StartMessageMoveTask, sqs:ReceiveMessage, sqs:DeleteMessage"):
        tasks.move(3, lambda _: None)


def test_other_errors_are_raised(tasks: MoveTasks, aws: FakeWire) -> None:
    aws.respond("StartMessageMoveTask", HttpResponse(400, {"__type": "InvalidParameterValue", "message": "no"}))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        tasks.move(3, lambda _: None)


def test_no_other_error_joins_a_task_that_runs(tasks: MoveTasks, aws: FakeWire) -> None:
    list_tasks(aws, [], [{"Status": "RUNNING", "StartedTimestamp": 1}], [{"Status": "COMPLETED"}])
    aws.respond("StartMessageMoveTask", error_response("InvalidParameterValue", 400))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        tasks.move(3, lambda _: None)


def test_it_joins_a_task_that_another_replay_has_just_started(tasks: MoveTasks, sqs: FakeSqs, aws: FakeWire) -> None:
    sqs.fail(ACCOUNT)
    start = aws._responses["StartMessageMoveTask"]

    def lose_the_race(parameters: dict[str, Any]) -> HttpResponse:
        sqs.moves_at_a_time = 0  # so that the other task still runs
        start(parameters)
        return error_response("AWS.SimpleQueueService.UnsupportedOperation", 400)

    def go_on(_: float) -> None:
        sqs.moves_at_a_time = 1000

    aws.respond("StartMessageMoveTask", lose_the_race)
    tasks._sleep = go_on
    assert tasks.move(1, lambda _: None) == 1
    assert len(sqs.tasks) == 1
    assert sqs.bodies("FailedAccountQueue") == []


def test_after_ctrl_c_sqs_continues(tasks: MoveTasks, sqs: FakeSqs) -> None:
    sqs.fail(ACCOUNT)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(CliError, match="SQS continues to move messages") as caught:
        tasks.move(1, interrupted)
    assert caught.value.exit_code == 130
