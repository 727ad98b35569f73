output "stack_id" {
  description = "ARN of the stack."
  value       = aws_cloudformation_stack.this.id
}

output "outputs" {
  description = "The outputs of the stack, such as Version, BackfillSummary and AlarmTopicArn."
  value       = aws_cloudformation_stack.this.outputs
}
