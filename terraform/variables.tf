variable "template" {
  description = "Path of the template that `aws cloudformation package` or `sam package` wrote. Its code is in a bucket in the region of the stack."
  type        = string

  validation {
    condition     = fileexists(var.template)
    error_message = "The file does not exist. Write it with `aws cloudformation package`, as the README of this module shows."
  }
}

variable "bucket" {
  description = "Name of a bucket in the region of the stack, for the template, which is too large for a request."
  type        = string
}

variable "stack_name" {
  description = "Name of the stack."
  type        = string
  default     = "alternate-contacts"
}

# The contacts are sensitive, so that a plan does not print them. They are in the state.

variable "billing" {
  description = "The BILLING contact. policy: overwrite, fill or ignore. With ignore, leave the rest out."
  sensitive   = true
  type = object({
    policy        = optional(string)
    name          = optional(string)
    title         = optional(string)
    email_address = optional(string)
    phone_number  = optional(string)
  })
}

variable "operations" {
  description = "The OPERATIONS contact, in the form of `billing`."
  sensitive   = true
  type = object({
    policy        = optional(string)
    name          = optional(string)
    title         = optional(string)
    email_address = optional(string)
    phone_number  = optional(string)
  })
}

variable "security" {
  description = "The SECURITY contact, in the form of `billing`."
  sensitive   = true
  type = object({
    policy        = optional(string)
    name          = optional(string)
    title         = optional(string)
    email_address = optional(string)
    phone_number  = optional(string)
  })
}

variable "options" {
  description = "Other parameters of the stack by their name, such as { Mode = \"report\" }. The template has their defaults and limits."
  type        = map(string)
  default     = {}
}
