resource "aws_instance" "worker" {
  instance_type = "t3.small"
}
