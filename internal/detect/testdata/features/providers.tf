provider "aws" {
  region            = var.region
  max_retries       = var.api_retries
  s3_use_path_style = true

  default_tags {
    tags = local.default_tags
  }
}

# The second region: handed to module.replica as one of its two providers, and
# to module.away_queue as its only one.
provider "aws" {
  alias             = "west"
  region            = var.away_region
  max_retries       = var.api_retries
  s3_use_path_style = true

  default_tags {
    tags = merge(local.default_tags, { site = "away" })
  }
}

# No default tags: the emulator takes a launch template's own tags for a tag
# specification of its instances.
provider "aws" {
  alias       = "bare"
  region      = var.region
  max_retries = var.api_retries
}
