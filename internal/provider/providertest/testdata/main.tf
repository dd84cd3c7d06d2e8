# Every resource type of the test provider that both protocols have.
terraform {
  required_providers {
    test = {
      source = "SOURCE"
    }
  }
}

provider "test" {
  region = "here"
  token  = "right"
}

resource "test_simple" "a" {
  name    = "one"
  note    = "two"
  size    = 3.5
  enabled = true
  tags    = { a = "b" }
  zones   = ["z", "y"]
  ports   = [80, 443]
  label   = "Label"
  secret  = "hush"
}

resource "test_simple" "bare" {
  name = "bare"
}

resource "test_blocks" "a" {
  title = "t"
  one {
    name = "o"
  }
  step {
    name = "s1"
    option {
      name = "o1"
      mode = "m"
    }
  }
  step {
    name = "s2"
  }
  rule {
    name = "r1"
    mode = "m1"
  }
  rule {
    name = "r2"
    mode = "m2"
  }
  part "left" {
    name = "l"
    mode = "m"
  }
  base {
    name = "b"
  }
}

resource "test_blocks" "bare" {}

resource "test_sets" "a" {
  pairs = [{ key = "k", value = "v" }, { key = "l", value = "w" }]
  rule {
    name = "web"
    port = 80
  }
}

resource "test_dynamic" "a" {
  value = { list = [1, "two"], yes = true }
  pair  = { key = "k", value = ["v"] }
  wrap {
    value = "text"
  }
}

resource "test_secret" "a" {
  user             = "u"
  password         = "hush"
  token_wo         = "never stored"
  token_wo_version = 1
}

resource "test_upgraded" "a" {
  name = "n"
  tags = { a = "b" }
}

resource "test_identified" "a" {
  bucket = "b"
}

resource "test_legacy" "a" {
  name = "n"
  note = ""
  setting {
    key   = "k"
    value = "v"
  }
}

resource "test_meta" "a" {
  name = "n"
}

data "test_lookup" "a" {
  key = "k"
}

data "test_identity" "a" {}
