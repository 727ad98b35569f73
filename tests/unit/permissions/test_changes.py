"""Which changes are made of a statement."""

from tests.permissions.changes import UNUSED_ACTION, Statement, changes

STATEMENT: Statement = {
    "Effect": "Allow",
    "Principal": {"Service": "events.amazonaws.com"},
    "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
    "Resource": ["arn:aws:sqs:::a", "arn:aws:sqs:::b"],
    "Condition": {
        "ArnEquals": {"aws:SourceArn": ["arn:aws:events:::rule/a", "arn:aws:events:::rule/b"]},
        "StringEquals": {"aws:SourceAccount": "111122223333"},
    },
}


def test_each_part_of_a_statement_is_removed_or_narrowed_on_its_own() -> None:
    changed = {change.name: change.statement for change in changes(STATEMENT)}
    assert set(changed) == {
        "without the statement",
        "without sqs:SendMessage",
        "without sqs:GetQueueUrl",
        "without resource 1 of 2",
        "without resource 2 of 2",
        "another principal",
        "without any condition",
        "without the condition aws:SourceArn",
        "aws:SourceArn without value 1 of 2",
        "aws:SourceArn without value 2 of 2",
        "another aws:SourceArn",
        "without the condition aws:SourceAccount",
        "another aws:SourceAccount",
    }
    assert all(statement != STATEMENT for statement in changed.values())
    assert changed["without the statement"]["Action"] == UNUSED_ACTION
    assert changed["without sqs:SendMessage"]["Action"] == ["sqs:GetQueueUrl"]
    assert changed["without resource 2 of 2"]["Resource"] == ["arn:aws:sqs:::a"]
    assert changed["without the condition aws:SourceArn"]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"}
    }
    assert "Condition" not in changed["without any condition"]


def test_a_wildcard_action_and_a_single_resource_are_narrowed() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "arn:aws:sqs:::a"}
    changed = {change.name: change.statement for change in changes(deny)}
    assert changed["sqs:SendMessage instead of sqs:*"]["Action"] == "sqs:SendMessage"
    assert changed["another resource"]["Resource"] != deny["Resource"]
    assert changed["another principal"]["Principal"] != "*"


def test_a_change_has_one_name_in_the_template_and_in_the_stack() -> None:
    in_template = {**STATEMENT, "Resource": [{"Fn::GetAtt": ["A", "Arn"]}, {"Fn::GetAtt": ["B", "Arn"]}]}
    assert [change.name for change in changes(in_template)] == [change.name for change in changes(STATEMENT)]
