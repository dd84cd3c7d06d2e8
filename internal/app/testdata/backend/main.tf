# A stack whose state is in S3. The rest of the backend comes with
# -backend-config. It needs no provider.
terraform {
  backend "s3" {
    key = "net/main.tfstate"
  }
}

variable "slow" {
  type    = bool
  default = false
}

resource "terraform_data" "this" {
  input = {
    workspace = terraform.workspace
    markup    = "<a & b>"
  }
}

# While it is made the state is locked, until somebody makes the file.
resource "terraform_data" "slow" {
  count = var.slow ? 1 : 0

  provisioner "local-exec" {
    command = "until [ -e release ]; do sleep 0.05; done"
  }
}

output "password" {
  value     = "canary-password"
  sensitive = true
}
