package drift_test

import (
	"testing"

	"holdfast/internal/drift"
)

func TestGrade(t *testing.T) {
	t.Parallel()
	changes := func(paths ...string) (list []drift.Change) {
		for _, p := range paths {
			list = append(list, drift.Change{Path: p})
		}
		return list
	}
	rules := []drift.SeverityRule{
		{Type: "aws_dynamodb_table", Attributes: []drift.Pattern{"ttl"}, Severity: drift.SeverityLow},
		{Address: "module.*.aws_db_instance.main", Severity: drift.SeverityHigh},
		{Type: "aws_sqs_queue", Kind: drift.Deleted, Severity: drift.SeverityLow},
	}
	for _, c := range []struct {
		kind  drift.Kind
		typ   string
		paths []string
		want  drift.Severity
	}{
		{drift.Deleted, "aws_sns_topic", nil, drift.SeverityHigh},
		{drift.Deleted, "aws_sqs_queue", nil, drift.SeverityLow},
		{drift.Modified, "aws_lambda_function", []string{"memory_size"}, drift.SeverityMedium},
		{drift.Modified, "aws_lambda_function", []string{"memory_size", "role"}, drift.SeverityHigh},
		{drift.Modified, "aws_lambda_function", []string{`tags["owner"]`, `tags_all["owner"]`}, drift.SeverityLow},
		{drift.Modified, "aws_iam_role", []string{"assume_role_policy"}, drift.SeverityHigh},
		{drift.Modified, "aws_iam_role", []string{`tags["owner"]`}, drift.SeverityLow},
		{drift.Modified, "aws_s3_bucket_public_access_block", []string{"block_public_acls"}, drift.SeverityHigh},
		{drift.Modified, "aws_sqs_queue", []string{"policy"}, drift.SeverityHigh},
		{drift.Modified, "aws_dynamodb_table", []string{"deletion_protection_enabled"}, drift.SeverityHigh},
		{drift.Modified, "aws_dynamodb_table", []string{"ttl[0].enabled", "read_capacity"}, drift.SeverityLow},
		{drift.Modified, "aws_ebs_volume", []string{"encrypted"}, drift.SeverityHigh},
		{drift.Modified, "aws_s3_bucket", []string{"server_side_encryption_configuration[0].rule[0].apply_server_side_encryption_by_default[0].kms_master_key_id"}, drift.SeverityHigh},
		{drift.Modified, "aws_instance", []string{"root_block_device[0].kms_key_id"}, drift.SeverityHigh},
		{drift.Modified, "aws_security_group", []string{"ingress"}, drift.SeverityHigh},
		{drift.Modified, "aws_lb", []string{"enable_deletion_protection"}, drift.SeverityHigh},
		{drift.Modified, "aws_db_instance", []string{"publicly_accessible"}, drift.SeverityHigh},
		{drift.Modified, "azurerm_network_security_group", []string{"security_rule"}, drift.SeverityHigh},
		{drift.Modified, "google_compute_firewall", []string{"source_ranges"}, drift.SeverityHigh},
		{drift.Modified, "google_storage_bucket", []string{`labels["a"]`}, drift.SeverityLow},
		// Called policies, and none of access.
		{drift.Modified, "aws_autoscaling_policy", []string{"scaling_adjustment"}, drift.SeverityMedium},
		{drift.Modified, "aws_appautoscaling_policy", []string{"policy_type", "target_tracking_scaling_policy_configuration[0].target_value"}, drift.SeverityMedium},
		{drift.Modified, "aws_lb_cookie_stickiness_policy", []string{"cookie_expiration_period"}, drift.SeverityMedium},
		{drift.Modified, "aws_lb_ssl_negotiation_policy", []string{"attribute"}, drift.SeverityHigh}, // it is of TLS
		{drift.Modified, "aws_dlm_lifecycle_policy", []string{"policy_details[0].schedule"}, drift.SeverityMedium},
		{drift.Modified, "aws_ecr_lifecycle_policy", []string{"policy"}, drift.SeverityMedium},
		{drift.Modified, "aws_cloudfront_cache_policy", []string{"default_ttl"}, drift.SeverityMedium},
		{drift.Modified, "aws_launch_template", []string{"instance_type"}, drift.SeverityMedium},
		{drift.Modified, "aws_sqs_queue", []string{"redrive_policy", "kms_data_key_reuse_period_seconds"}, drift.SeverityMedium},
		{drift.Modified, "aws_cloudwatch_log_group", []string{"retention_in_days"}, drift.SeverityMedium},
		{drift.Modified, "aws_lambda_function", []string{`environment[0].variables["public_key"]`}, drift.SeverityMedium},
		{drift.Modified, "aws_lambda_function", []string{`environment[0].variables["is.public"]`}, drift.SeverityMedium},
		{drift.Modified, "aws_lambda_function", []string{"source_code_hash", "timeout"}, drift.SeverityMedium},
		// Who may do what.
		{drift.Modified, "aws_ecr_repository_policy", []string{"policy"}, drift.SeverityHigh},
		{drift.Modified, "aws_cloudwatch_log_resource_policy", []string{"policy_document"}, drift.SeverityHigh},
		{drift.Modified, "aws_elasticsearch_domain", []string{"access_policies"}, drift.SeverityHigh},
		{drift.Modified, "aws_organizations_policy", []string{"content"}, drift.SeverityHigh},
		{drift.Modified, "aws_s3_bucket", []string{"acl"}, drift.SeverityHigh},
		{drift.Modified, "aws_s3_bucket_acl", []string{"access_control_policy[0].grant"}, drift.SeverityHigh},
		{drift.Modified, "aws_iam_access_key", []string{"status"}, drift.SeverityHigh},
		{drift.Modified, "aws_lambda_function_url", []string{"authorization_type"}, drift.SeverityHigh},
		{drift.Modified, "aws_lambda_function_url", []string{"cors[0].max_age"}, drift.SeverityMedium},
		{drift.Modified, "aws_api_gateway_method", []string{"authorization"}, drift.SeverityHigh},
		{drift.Modified, "aws_api_gateway_method", []string{"api_key_required"}, drift.SeverityHigh},
		{drift.Modified, "aws_apigatewayv2_route", []string{"authorizer_id"}, drift.SeverityHigh},
		{drift.Modified, "aws_snapshot_create_volume_permission", []string{"account_id"}, drift.SeverityHigh},
		{drift.Modified, "aws_ami_launch_permission", []string{"group"}, drift.SeverityHigh},
		{drift.Modified, "aws_db_snapshot", []string{"shared_accounts"}, drift.SeverityHigh},
		{drift.Modified, "aws_cognito_user_pool", []string{"mfa_configuration"}, drift.SeverityHigh},
		{drift.Modified, "aws_instance", []string{"metadata_options[0].http_tokens"}, drift.SeverityHigh},
		{drift.Modified, "aws_instance", []string{"iam_instance_profile"}, drift.SeverityHigh},
		{drift.Modified, "aws_instance", []string{"instance_type"}, drift.SeverityMedium},
		// Who reaches what.
		{drift.Modified, "aws_eks_cluster", []string{"vpc_config[0].endpoint_public_access"}, drift.SeverityHigh},
		{drift.Modified, "aws_route_table", []string{"route"}, drift.SeverityHigh},
		{drift.Modified, "aws_wafv2_web_acl", []string{"default_action[0].block"}, drift.SeverityHigh},
		{drift.Modified, "aws_cloudfront_distribution", []string{"web_acl_id"}, drift.SeverityHigh},
		// What keeps data.
		{drift.Modified, "aws_db_instance", []string{"storage_encrypted"}, drift.SeverityHigh},
		{drift.Modified, "aws_db_instance", []string{"backup_retention_period"}, drift.SeverityHigh},
		{drift.Modified, "aws_db_instance", []string{"instance_class"}, drift.SeverityMedium},
		{drift.Modified, "aws_kms_key", []string{"deletion_window_in_days"}, drift.SeverityHigh},
		{drift.Modified, "aws_kms_key", []string{"enable_key_rotation"}, drift.SeverityHigh},
		{drift.Modified, "aws_secretsmanager_secret_rotation", []string{"rotation_enabled"}, drift.SeverityHigh},
		{drift.Modified, "aws_secretsmanager_secret_rotation", []string{"rotation_rules[0].automatically_after_days"}, drift.SeverityMedium},
		{drift.Modified, "aws_s3_bucket_versioning", []string{"versioning_configuration[0].status"}, drift.SeverityHigh},
		{drift.Modified, "aws_sqs_queue", []string{"sqs_managed_sse_enabled"}, drift.SeverityHigh},
		{drift.Modified, "aws_cloudfront_distribution", []string{"default_cache_behavior[0].viewer_protocol_policy"}, drift.SeverityHigh},
		{drift.Modified, "aws_instance", []string{"disable_api_termination"}, drift.SeverityHigh},
		// What would notice.
		{drift.Modified, "aws_cloudtrail", []string{"enable_logging"}, drift.SeverityHigh},
		{drift.Modified, "aws_guardduty_detector", []string{"enable"}, drift.SeverityHigh},
		{drift.Modified, "aws_config_configuration_recorder_status", []string{"is_enabled"}, drift.SeverityHigh},
		{drift.Modified, "aws_config_config_rule", []string{"input_parameters"}, drift.SeverityMedium},
	} {
		f := drift.Finding{Kind: c.kind, Type: c.typ, Address: c.typ + ".x", Changes: changes(c.paths...)}
		if drift.Grade(&f, rules); f.Severity != c.want {
			t.Errorf("%s %s %v is %s, want %s", c.kind, c.typ, c.paths, f.Severity, c.want)
		}
	}
	f := drift.Finding{Kind: drift.Modified, Type: "aws_db_instance", Address: "module.a.aws_db_instance.main", Changes: changes("tags")}
	if drift.Grade(&f, rules); f.Severity != drift.SeverityHigh {
		t.Errorf("a rule by address gives %s", f.Severity)
	}
}

func TestWorstFirst(t *testing.T) {
	t.Parallel()
	var got string
	for _, f := range drift.WorstFirst([]drift.Finding{
		{Address: "a", Status: drift.Waived, Severity: drift.SeverityHigh},
		{Address: "b", Status: drift.Open},
		{Address: "c", Status: drift.Open, Severity: drift.SeverityLow},
		{Address: "d", Status: drift.Open, Severity: drift.SeverityHigh},
		{Address: "e", Status: drift.Open, Severity: drift.SeverityMedium},
		{Address: "f", Status: drift.Open, Severity: drift.SeverityHigh},
	}) {
		got += f.Address
	}
	if got != "dfecba" {
		t.Error(got)
	}
}
