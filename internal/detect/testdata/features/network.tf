resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true

  tags = merge(local.common_tags, {
    Name       = local.prefix
    scanned_at = "never"
  })

  lifecycle {
    ignore_changes = [tags["scanned_at"]]
  }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id

  tags = {
    Name = "${local.prefix}-internet"
  }
}

resource "aws_subnet" "this" {
  for_each = var.subnets

  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, each.value.index)
  availability_zone       = "${data.aws_region.current.name}${each.value.zone}"
  map_public_ip_on_launch = each.value.public

  tags = merge(local.common_tags, each.value.tags, { Name = "${local.prefix}-${each.key}" })
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  tags = {
    Name = "${local.prefix}-public"
  }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_route_table_association" "public" {
  for_each = local.public_subnets

  subnet_id      = aws_subnet.this[each.key].id
  route_table_id = aws_route_table.public.id
}

# Rules as blocks of the group (attributes as blocks, in the provider's terms).
resource "aws_security_group" "web" {
  name        = "${local.prefix}-web"
  description = "Web tier"
  vpc_id      = aws_vpc.main.id

  dynamic "ingress" {
    for_each = var.web_rules

    content {
      description = ingress.value.description
      from_port   = ingress.value.port
      to_port     = ingress.value.port
      protocol    = "tcp"
      cidr_blocks = ingress.value.cidrs
    }
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = local.common_tags
}

# Rules as resources of their own: the group's ingress and egress are not set.
resource "aws_security_group" "data" {
  name        = "${local.prefix}-data"
  description = "Data tier"
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group_rule" "data_from_web" {
  type                     = "ingress"
  security_group_id        = aws_security_group.data.id
  source_security_group_id = aws_security_group.web.id
  from_port                = 5432
  to_port                  = 5432
  protocol                 = "tcp"
  description              = "Database from the web tier"
}

resource "aws_vpc_security_group_ingress_rule" "data_admin" {
  security_group_id = aws_security_group.data.id
  cidr_ipv4         = "10.20.2.0/24"
  from_port         = 22
  to_port           = 22
  ip_protocol       = "tcp"
  description       = "Administration"

  tags = {
    Name = "administration"
  }
}
