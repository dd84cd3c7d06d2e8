# What only protocol 6 has.
resource "test_nested" "a" {
  one = {
    name = "o"
    pin  = "1234"
  }
  list = [{ name = "l1", secret = "hush" }, { name = "l2", mode = "m" }]
  set  = [{ name = "s1" }, { name = "s2", secret = "hush" }]
  map  = { k = { name = "m" } }
}

resource "test_nested" "bare" {}
