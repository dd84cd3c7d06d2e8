# The history on a volume, for who has no PostgreSQL. One task at a time has it
# open: check.sh takes a lock first, since SQLite can't be shared between
# machines.
resource "aws_efs_file_system" "history" {
  count = local.volume ? 1 : 0

  creation_token = "${var.name}-history"
  encrypted      = true
  kms_key_id     = local.key_arn
  tags           = merge(var.tags, { Name = "${var.name}-history" })
}

resource "aws_efs_backup_policy" "history" {
  count = local.volume && var.history_backup ? 1 : 0

  file_system_id = aws_efs_file_system.history[0].id

  backup_policy {
    status = "ENABLED"
  }
}

# The user is that of the image.
resource "aws_efs_access_point" "history" {
  count = local.volume ? 1 : 0

  file_system_id = aws_efs_file_system.history[0].id
  tags           = merge(var.tags, { Name = "${var.name}-history" })

  posix_user {
    uid = 10001
    gid = 10001
  }

  root_directory {
    path = "/holdfast"

    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0700"
    }
  }
}

# Only the check's role, only through the access point, only encrypted.
resource "aws_efs_file_system_policy" "history" {
  count = local.volume ? 1 : 0

  file_system_id = aws_efs_file_system.history[0].id
  policy         = data.aws_iam_policy_document.history[0].json
}

data "aws_iam_policy_document" "history" {
  count = local.volume ? 1 : 0

  statement {
    sid       = "Check"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.history[0].arn]

    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.check.arn]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["true"]
    }

    condition {
      test     = "StringEquals"
      variable = "elasticfilesystem:AccessPointArn"
      values   = [aws_efs_access_point.history[0].arn]
    }
  }
}

resource "aws_efs_mount_target" "history" {
  for_each = { for index, id in local.volume ? var.subnet_ids : [] : tostring(index) => id }

  file_system_id  = aws_efs_file_system.history[0].id
  subnet_id       = each.value
  security_groups = [aws_security_group.history[0].id]
}

resource "aws_security_group" "history" {
  count = local.volume ? 1 : 0

  name        = "${var.name}-history"
  description = "Holdfast's history"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "history" {
  count = local.volume ? 1 : 0

  security_group_id            = aws_security_group.history[0].id
  description                  = "From Holdfast's tasks"
  referenced_security_group_id = aws_security_group.task[0].id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "history" {
  count = local.volume ? 1 : 0

  security_group_id            = aws_security_group.task[0].id
  description                  = "To Holdfast's history"
  referenced_security_group_id = aws_security_group.history[0].id
  ip_protocol                  = "tcp"
  from_port                    = 2049
  to_port                      = 2049
  tags                         = var.tags
}
