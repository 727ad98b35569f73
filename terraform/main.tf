locals {
  # Parameters that are left out have the default of the template.
  contacts = merge([
    for prefix, contact in { Billing = var.billing, Operations = var.operations, Security = var.security } : {
      "${prefix}Policy"              = contact.policy
      "${prefix}Name"                = contact.name
      "${prefix}Title"               = contact.title
      "${prefix}EmailAddress"        = contact.email_address
      "${prefix}PhoneNumber"         = contact.phone_number
    }
  ]...)
}

data "aws_s3_bucket" "code" {
  bucket = var.bucket
}

# The key changes with the template, because Terraform updates the stack only if an argument changes.
resource "aws_s3_object" "template" {
  bucket = data.aws_s3_bucket.code.id
  key    = "alternate-contacts/${filesha256(var.template)}.yaml"
  source = var.template
}

resource "aws_cloudformation_stack" "this" {
  name         = var.stack_name
  template_url = "https://${data.aws_s3_bucket.code.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  parameters   = merge(var.options, { for name, value in local.contacts : name => value if value != null })

  # The backfill may take 33 minutes, and a rollback another 33. The default of the provider is 30.
  timeouts {
    create = "90m"
    update = "90m"
  }
}
