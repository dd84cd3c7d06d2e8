resource "aws_iam_role" "worker" {
  name                 = "${local.prefix}-worker"
  description          = "Worker of ${var.project}"
  assume_role_policy   = data.aws_iam_policy_document.assume.json
  max_session_duration = var.session_minutes == null ? null : var.session_minutes * 60
}

resource "aws_iam_policy" "worker" {
  name        = "${local.prefix}-worker"
  description = "What a worker may do"

  policy = <<-JSON
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "Queues",
          "Effect": "Allow",
          "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
          "Resource": "arn:aws:sqs:${var.region}:${local.account_id}:${local.prefix}-*"
        }
      ]
    }
  JSON
}

resource "aws_iam_role_policy_attachment" "worker" {
  role       = aws_iam_role.worker.name
  policy_arn = aws_iam_policy.worker.arn
}

# compute_override.tf changes the type of these instances.
resource "aws_instance" "worker" {
  count = var.worker_count

  ami                     = "ami-12c6146b"
  instance_type           = local.instance_type
  subnet_id               = aws_subnet.this["back"].id
  vpc_security_group_ids  = [aws_security_group.data.id]
  ebs_optimized           = false
  disable_api_termination = var.keep_workers

  user_data = templatefile("${path.module}/templates/worker.sh.tftpl", {
    index   = count.index
    project = var.project
    queues  = sort(keys(var.queues))
  })

  root_block_device {
    volume_size = 16
    volume_type = "gp3"
  }

  tags = merge(local.common_tags, { Name = "${local.prefix}-worker-${count.index}" })

  lifecycle {
    ignore_changes = [ami, root_block_device[0].volume_size]
  }
}

resource "aws_ebs_volume" "scratch" {
  availability_zone = aws_instance.worker[0].availability_zone
  size              = 20
  type              = "gp3"
  encrypted         = true

  tags = {
    Name = "${local.prefix}-scratch"
  }

  timeouts {
    create = "7m"
  }
}

resource "aws_volume_attachment" "scratch" {
  device_name = "/dev/sdf"
  instance_id = aws_instance.worker[0].id
  volume_id   = aws_ebs_volume.scratch.id
}

resource "aws_launch_template" "app" {
  provider = aws.bare

  name          = "${local.prefix}-app"
  image_id      = "ami-12c6146b"
  instance_type = local.instance_type
  user_data     = base64encode("#!/bin/sh\necho ${local.page_title}\n")

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size = 20
      volume_type = "gp3"
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = local.common_tags
  }
}

resource "aws_autoscaling_group" "app" {
  name                      = "${local.prefix}-app"
  min_size                  = 0
  max_size                  = 4
  desired_capacity          = 0
  vpc_zone_identifier       = [for s in aws_subnet.this : s.id]
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.app.id
    version = aws_launch_template.app.latest_version
  }

  dynamic "tag" {
    for_each = merge(local.common_tags, { Name = "${local.prefix}-app" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity]
  }
}

resource "aws_lb_target_group" "web" {
  name     = "${local.prefix}-web"
  port     = 8080
  protocol = "HTTP"
  vpc_id   = aws_vpc.main.id

  health_check {
    path     = "/health"
    interval = 15
    matcher  = "200-299"
  }

  lifecycle {
    ignore_changes = [health_check[0].interval]
  }
}

resource "aws_ecs_cluster" "main" {
  name = local.prefix

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "app" {
  family                   = "${local.prefix}-app"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512

  container_definitions = jsonencode([
    {
      name      = "app"
      image     = "${aws_ecr_repository.app.repository_url}:stable"
      essential = true
      environment = [
        for name in sort(keys(var.settings)) : { name = upper(name), value = var.settings[name] }
      ]
    },
  ])
}
