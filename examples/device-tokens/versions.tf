terraform {
  # 1.5 is enough for the stack; its own tests (tests/) need 1.7 for mock_provider.
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
