resource "aws_ecs_cluster" "this" {
  count = local.fargate ? 1 : 0

  name = var.name
  tags = var.tags
}

resource "aws_cloudwatch_log_group" "this" {
  count = local.fargate ? 1 : 0

  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = local.key_arn
  tags              = var.tags
}

locals {
  task_environment = merge(
    {
      CHECK_TIMEOUT     = "${var.timeout_minutes}m"
      REPOSITORY_URL    = coalesce(var.repository_url, "-")
      REPOSITORY_BRANCH = var.repository_branch == null ? "" : var.repository_branch
      REPOSITORY_PATH   = var.repository_path

      REPOSITORY_USERNAME = var.repository_username
    },
    local.volume ? { HOLDFAST_STORE = "/history/history.db", HISTORY_LOCK = "/history/lock" } : {},
    var.environment,
  )
  task_secrets = merge(
    var.repository_token_secret_arn == null ? {} : { REPOSITORY_TOKEN = var.repository_token_secret_arn },
    var.store_secret_arn == null ? {} : { HOLDFAST_STORE = var.store_secret_arn },
    var.secrets,
  )
  # An ARN of a secret may go on with a key, a version's stage and its id.
  secret_arns = distinct([for arn in values(local.task_secrets) : join(":", slice(split(":", arn), 0, 7))])
}

resource "aws_ecs_task_definition" "this" {
  count = local.fargate ? 1 : 0

  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution[0].arn
  task_role_arn            = aws_iam_role.check.arn
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  # The arguments come after a name for $0, as sh -c wants it.
  container_definitions = jsonencode([{
    name                   = "check"
    image                  = var.image
    essential              = true
    entryPoint             = ["/bin/sh", "-c", file("${path.module}/check.sh"), "check"]
    command                = var.check_arguments
    readonlyRootFilesystem = true
    environment            = [for name in sort(keys(local.task_environment)) : { name = name, value = local.task_environment[name] }]
    secrets                = [for name in sort(keys(local.task_secrets)) : { name = name, valueFrom = local.task_secrets[name] }]
    mountPoints = concat(
      [{ sourceVolume = "work", containerPath = "/var/lib/holdfast", readOnly = false }],
      local.volume ? [{ sourceVolume = "history", containerPath = "/history", readOnly = false }] : [],
    )
    linuxParameters = { initProcessEnabled = true }
    stopTimeout     = 120
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this[0].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "check"
      }
    }
  }])

  # Empty for each task. It belongs to the image's user, because the image
  # declares a volume there.
  volume {
    name = "work"
  }

  dynamic "volume" {
    for_each = local.volume ? [1] : []

    content {
      name = "history"

      efs_volume_configuration {
        file_system_id     = aws_efs_file_system.history[0].id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = aws_efs_access_point.history[0].id
          iam             = "ENABLED"
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = (var.history == "postgres") == (var.store_secret_arn != null)
      error_message = "With history = \"postgres\", and only then, give store_secret_arn."
    }

    precondition {
      condition     = var.image != null && var.vpc_id != null && length(var.subnet_ids) > 0 && var.repository_url != null
      error_message = "With runner = \"fargate\", give image, repository_url, vpc_id and subnet_ids."
    }
  }
}

# What ECS itself does for the task: pull the image, write the log, hand over
# secrets.
resource "aws_iam_role" "execution" {
  count = local.fargate ? 1 : 0

  name                 = "${var.name}-execution"
  description          = "Starts Holdfast's tasks"
  assume_role_policy   = data.aws_iam_policy_document.tasks.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "execution" {
  count = local.fargate ? 1 : 0

  name   = "execution"
  role   = aws_iam_role.execution[0].id
  policy = data.aws_iam_policy_document.execution[0].json
}

data "aws_iam_policy_document" "execution" {
  count = local.fargate ? 1 : 0

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[0].arn}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = length(local.secret_arns) > 0 ? [1] : []

    content {
      sid       = "Secrets"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = local.secret_arns
    }
  }

  dynamic "statement" {
    for_each = length(var.decrypt_key_arns) > 0 && length(local.secret_arns) > 0 ? [1] : []

    content {
      sid       = "SecretsKeys"
      actions   = ["kms:Decrypt"]
      resources = var.decrypt_key_arns

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${local.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.image_repository_arn[*]

    content {
      sid       = "Image"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [statement.value]
    }
  }

  # The action knows no resources.
  dynamic "statement" {
    for_each = var.image_repository_arn[*]

    content {
      sid       = "ImageLogin"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }
}

# Nobody connects to the task.
resource "aws_security_group" "task" {
  count = local.fargate ? 1 : 0

  name        = "${var.name}-task"
  description = "Holdfast's tasks"
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_vpc_security_group_egress_rule" "task" {
  for_each = local.fargate ? toset([for port in var.egress_ports : tostring(port)]) : []

  security_group_id = aws_security_group.task[0].id
  description       = "To git, registries and the cloud's API"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
  tags              = var.tags
}
