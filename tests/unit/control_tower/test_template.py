"""The restrictions and rules of a template, applied as CloudFormation does."""

import pytest

from control_tower.template import Template

TEMPLATE = Template(r"""
Parameters:
  Policy:
    Type: String
    Default: on
    AllowedValues: [on, "ignore"]
  Name:
    Type: String
    Default: none
    MinLength: 2
    MaxLength: 5
    AllowedPattern: ^\S(.*\S)?$
    ConstraintDescription: 2 to 5 characters
  Share:
    Type: Number
    Default: 100
    MinValue: 50
    MaxValue: 100
    ConstraintDescription: a percentage from 50 to 100
  Free:
    Type: String
Rules:
  Region:
    Assertions:
      - Assert: !Or [!Equals [!Ref AWS::Region, us-east-1], !Equals [!Ref AWS::Region, cn-northwest-1]]
        AssertDescription: elsewhere
  NameNeeded:
    RuleCondition: !Not [!Equals [!Ref Policy, ignore]]
    Assertions:
      - Assert: !Not [Fn::Contains: [[none, John], !Ref Name]]
        AssertDescription: no name
  SomethingToDo:
    Assertions:
      - Assert: !Not [!And [!Equals [!Ref Policy, ignore], !Equals [!Ref Free, ignore]]]
        AssertDescription: nothing to do
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
  Inline:
    Type: AWS::Lambda::Function
    Properties:
      Code: {ZipFile: pass}
  Role:
    Type: AWS::IAM::Role
    Properties:
      Arn: !GetAtt Function.Arn.Of
""")


def test_short_forms_are_read_as_their_long_forms() -> None:
    assert TEMPLATE.content["Resources"]["Role"]["Properties"]["Arn"] == {"Fn::GetAtt": ["Function", "Arn.Of"]}
    assert Template("a: !Sub [x, {y: !Ref z}]").content == {"a": {"Fn::Sub": ["x", {"y": {"Ref": "z"}}]}}
    assert Template("a: !Transform {b: 1}").content == {"a": {"Fn::Transform": {"b": 1}}}


def test_defaults_are_strings_as_cloudformation_converts_them() -> None:
    assert TEMPLATE.defaults() == {"Policy": "true", "Name": "none", "Share": "100"}


@pytest.mark.parametrize(
    ("name", "value", "violation"),
    [
        ("Policy", "ignore", None),
        ("Policy", "true", None),
        ("Policy", "overwrite", "Policy must be one of true, ignore."),
        ("Name", "Bea", None),
        ("Name", "B", "Name must be 2 to 5 characters."),
        ("Name", "Beatrix", "Name must be 2 to 5 characters."),
        ("Name", "Bea ", "Name must be 2 to 5 characters."),
        ("Name", "Bea\n", "Name must be 2 to 5 characters."),
        ("Share", "50", None),
        ("Share", "49", "Share must be a percentage from 50 to 100."),
        ("Share", "all", "Share must be a percentage from 50 to 100."),
        ("Free", "", None),
        ("Free", "two\nlines", None),
    ],
)
def test_a_value_is_checked_against_the_restrictions_of_the_template(
    name: str, value: str, violation: str | None
) -> None:
    assert TEMPLATE.violation(name, value) == violation


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        ({"AWS::Region": "us-east-1", "Policy": "true", "Name": "Bea", "Free": ""}, []),
        ({"AWS::Region": "eu-west-1", "Policy": "true", "Name": "Bea", "Free": ""}, ["elsewhere"]),
        ({"AWS::Region": "us-east-1", "Policy": "true", "Name": "John", "Free": ""}, ["no name"]),
        ({"AWS::Region": "us-east-1", "Policy": "ignore", "Name": "none", "Free": ""}, []),
        ({"AWS::Region": "us-east-1", "Policy": "ignore", "Name": "none", "Free": "ignore"}, ["nothing to do"]),
        # An unknown value leaves a rule to CloudFormation, unless the other values decide it.
        ({}, []),
        ({"Name": "none"}, []),
        ({"Policy": "true"}, []),
        ({"Policy": "ignore"}, []),
    ],
)
def test_a_broken_rule_returns_its_description(values: dict[str, str], broken: list[str]) -> None:
    assert list(TEMPLATE.broken_rules(values)) == broken


def test_an_unknown_function_in_a_rule_raises() -> None:
    unknown = Template("Rules: {R: {Assertions: [{Assert: {'Fn::EachMemberIn': []}, AssertDescription: x}]}}")
    with pytest.raises(ValueError, match="Fn::EachMemberIn"):
        list(unknown.broken_rules({}))


@pytest.mark.parametrize(
    ("resource_type", "code", "is_local"),
    [
        ("AWS::Serverless::Function", "{CodeUri: src/}", True),
        ("AWS::Serverless::Function", "{CodeUri: s3://bucket/key}", False),
        ("AWS::Serverless::Function", "{CodeUri: {Bucket: bucket, Key: key}}", False),
        ("AWS::Serverless::Function", "{InlineCode: pass}", False),
        ("AWS::Lambda::Function", "{Code: src/}", True),
        ("AWS::Lambda::Function", "{Code: {S3Bucket: bucket, S3Key: key}}", False),
        ("AWS::Lambda::Function", "{Code: {ZipFile: pass}}", False),
        ("AWS::SQS::Queue", "{}", False),
    ],
)
def test_code_that_is_not_in_a_bucket_is_found(resource_type: str, code: str, is_local: bool) -> None:
    template = Template(f"Resources: {{F: {{Type: {resource_type!r}, Properties: {code}}}}}")
    assert template.functions_with_local_code() == (["F"] if is_local else [])
