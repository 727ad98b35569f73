provider "aws" {
  region = "us-east-1" # China: cn-northwest-1
}

module "alternate_contacts" {
  source = "../" # or the path of this folder in your repository

  template = "${path.module}/packaged.yaml"
  bucket   = "YOUR-BUCKET"

  billing = {
    name          = "Accounts Payable"
    title         = "Accounts Payable"
    email_address = "aws-billing@your-company.com"
    phone_number  = "+44 20 7946 0018"
  }
  operations = {
    name          = "Cloud Platform Team"
    title         = "Cloud Platform Team"
    email_address = "aws-operations@your-company.com"
    phone_number  = "+44 20 7946 0019"
  }
  security = {
    name          = "Security Operations Center"
    title         = "Security Operations Center"
    email_address = "aws-security@your-company.com"
    phone_number  = "+44 20 7946 0020"
  }

  options = {
    Mode = "report" # change to enforce when the report is as you expect
  }
}

output "backfill" {
  value = module.alternate_contacts.outputs["BackfillSummary"]
}
