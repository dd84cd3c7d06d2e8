# What the variables accept, with no AWS and no emulator: `terraform test`.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
    }
  }
}

run "names_follow_project_and_environment" {
  command = plan

  variables {
    project     = "album"
    environment = "qa"
  }

  assert {
    condition     = aws_dynamodb_table.device_tokens.name == "album-qa-device-tokens"
    error_message = "The table is named by the convention."
  }

  assert {
    condition     = aws_lambda_function.device_token.function_name == "album-qa-device-token"
    error_message = "The function is named by the convention."
  }

  assert {
    condition     = aws_cloudwatch_log_group.device_token.name == "/aws/lambda/album-qa-device-token"
    error_message = "Lambda finds its log group by the function's name."
  }
}

run "refuses_what_names_cannot_hold" {
  command = plan

  variables {
    project     = "Photo_Editor"
    environment = "dev-1"
  }

  expect_failures = [var.project, var.environment]
}

run "refuses_a_runtime_that_cannot_run_the_handler" {
  command = plan

  variables {
    lambda_runtime = "nodejs16.x"
  }

  expect_failures = [var.lambda_runtime]
}

run "refuses_part_of_a_day" {
  command = plan

  variables {
    token_lifetime_days = 0.5
  }

  expect_failures = [var.token_lifetime_days]
}

run "refuses_an_endpoint_with_a_path" {
  command = plan

  variables {
    endpoint = "http://127.0.0.1:5000/dynamodb"
  }

  expect_failures = [var.endpoint]
}
