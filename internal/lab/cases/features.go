package cases

import "holdfast/internal/lab"

// featuresCases are those of detect/testdata/features.
var featuresCases = []Case{
	// Nothing changed.
	{
		Name: "features-untouched", Class: "control", Stack: "features",
		RefreshOnly: 31,
		Note:        "Fresh from apply. What refresh-only lists is null against empty, values that a sibling resource owns, and values the API rewrites.",
	},
	{
		Name: "features-untouched-defaults-spelled-out", Class: "control", Stack: "features",
		Calls: []lab.Call{
			Call("events", "enable_rule", Params{"Name": "atlas-test-nightly"}),
			setQueue("orders", Params{"VisibilityTimeout": "60"}),
		},
		RefreshOnly: 31,
		Note:        "Calls that write the values which are already there.",
	},

	// Ordinary use.
	{
		Name: "queue-used", Class: "noise", Stack: "features",
		Calls: []lab.Call{
			Call("sqs", "send_message", Params{"QueueUrl": `${module.queue["orders"].aws_sqs_queue.this.url}`, "MessageBody": "an order"}),
			Call("logs", "create_log_stream", Params{"logGroupName": "/atlas-test/app", "logStreamName": "2026/11/01"}),
			Call("sns", "publish", Params{"TopicArn": "${aws_sns_topic.events.arn}", "Message": "an event"}),
			Call("s3", "put_object", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "Key": "drafts/1", "Body": "a draft"}),
		},
		Note: "Data goes in and out; no resource changes.",
	},
	{
		Name: "worker-stopped", Class: "noise", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "stop_instances", Params{"InstanceIds": List{"${aws_instance.worker[1].id}"}}),
		},
		Observed: []Observation{seen("aws_instance.worker[1]", "instance_state")},
		Note:     "Whether an instance runs is only reported: no argument sets it.",
	},
	{
		Name: "unmanaged-things-appear", Class: "noise", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "create_log_group", Params{"logGroupName": "/atlas-test/audit"}),
			Call("sns", "create_topic", Params{"Name": "atlas-test-unmanaged"}),
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/unmanaged", "Type": "String", "Value": "x"}),
		},
		Note: "Never in the state. The log group even has the name of a resource whose count is 0.",
	},

	// Plain attributes.
	{
		Name: "rule-schedule", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("events", "put_rule", Params{"Name": "atlas-test-nightly", "Description": "Cleans up at night", "ScheduleExpression": "cron(0 5 * * ? *)", "State": "ENABLED"}),
		},
		Want: []Verdict{modified("aws_cloudwatch_event_rule.nightly", "schedule_expression")},
		Note: "One string attribute that the source sets.",
	},
	{
		Name: "record-ttl", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("route53", "change_resource_record_sets", Params{
				"HostedZoneId": "${aws_route53_zone.main.zone_id}",
				"ChangeBatch": Params{"Changes": List{Params{"Action": "UPSERT", "ResourceRecordSet": Params{
					"Name": "app.atlas.example", "Type": "A", "TTL": 60,
					"ResourceRecords": List{Params{"Value": "10.20.1.10"}, Params{"Value": "10.20.1.11"}},
				}}}},
			}),
		},
		Want: []Verdict{modified("aws_route53_record.app", "ttl")},
		Note: "A number.",
	},
	{
		Name: "log-retention", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 30}),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		Note: "Set through a variable.",
	},
	{
		Name: "log-retention-taken-away", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "delete_retention_policy", Params{"logGroupName": "/atlas-test/app"}),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		Note: "Live is 0 now, meaning for ever: 0 is a value, not an absence.",
	},
	{
		Name: "role-description", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "update_role_description", Params{"RoleName": "atlas-test-worker", "Description": "edited in the console"}),
		},
		Want: []Verdict{modified("aws_iam_role.worker", "description")},
		Note: "A string with a reference in it.",
	},
	{
		Name: "topic-display-name-emptied", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_topic_attributes", Params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "DisplayName", "AttributeValue": ""}),
		},
		Want: []Verdict{modified("aws_sns_topic.events", "display_name")},
		Note: "An empty string is not null: only zero-length collections are.",
	},
	{
		Name: "public-access-opened", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_public_access_block", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "PublicAccessBlockConfiguration": Params{
				"BlockPublicAcls": true, "BlockPublicPolicy": false, "IgnorePublicAcls": true, "RestrictPublicBuckets": false,
			}}),
		},
		Want: []Verdict{modified("aws_s3_bucket_public_access_block.data", "block_public_policy", "restrict_public_buckets")},
		Note: "Two of four booleans; false is a value.",
	},
	{
		Name: "subnet-public-addresses-off", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_subnet_attribute", Params{"SubnetId": `${aws_subnet.this["front"].id}`, "MapPublicIpOnLaunch": Params{"Value": false}}),
		},
		Want: []Verdict{modified(`aws_subnet.this["front"]`, "map_public_ip_on_launch")},
		Note: "A boolean from an object variable, by for_each key.",
	},
	{
		Name: "group-size", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("autoscaling", "update_auto_scaling_group", Params{"AutoScalingGroupName": "atlas-test-app", "MinSize": 1, "MaxSize": 10}),
		},
		Want: []Verdict{modified("aws_autoscaling_group.app", "max_size", "min_size")},
		Note: "Two numbers. The emulator raises the desired capacity too, which the source ignores.",
	},
	{
		Name: "subscription-wrapped", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_subscription_attributes", Params{"SubscriptionArn": "${aws_sns_topic_subscription.orders.arn}", "AttributeName": "RawMessageDelivery", "AttributeValue": "false"}),
		},
		Want: []Verdict{modified("aws_sns_topic_subscription.orders", "raw_message_delivery")},
		Note: "A boolean that the API keeps as a string.",
	},
	{
		Name: "images-mutable", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("ecr", "put_image_tag_mutability", Params{"repositoryName": "atlas-test/app", "imageTagMutability": "MUTABLE"}),
		},
		Want: []Verdict{modified("aws_ecr_repository.app", "image_tag_mutability")},
		Note: "Back to the API's default, which is not the source's value.",
	},
	{
		Name: "metric-filter-pattern", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "delete_metric_filter", Params{"logGroupName": "/atlas-test/app", "filterName": "atlas-test-errors"}),
			Call("logs", "put_metric_filter", Params{
				"logGroupName": "/atlas-test/app", "filterName": "atlas-test-errors", "filterPattern": "?ERROR ?WARN",
				"metricTransformations": List{Params{"metricName": "Errors", "metricNamespace": "Atlas", "metricValue": "1", "defaultValue": 0, "unit": "None"}},
			}),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_metric_filter.errors", "pattern")},
		Note: "The block beside it stays the same. Deleted first only because the emulator keeps the old filter beside the new one.",
	},
	{
		Name: "secret-description", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("secretsmanager", "update_secret", Params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "Description": "for the new partner"}),
		},
		Want: []Verdict{modified("aws_secretsmanager_secret.api", "description")},
		Note: "About the secret, not the secret: shown in full.",
	},
	{
		Name: "rule-source-address", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_security_group_rules", Params{"GroupId": "${aws_security_group.data.id}", "SecurityGroupRules": List{Params{
				"SecurityGroupRuleId": "${aws_vpc_security_group_ingress_rule.data_admin.security_group_rule_id}",
				"SecurityGroupRule":   Params{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0", "Description": "Administration"},
			}}}),
		},
		Want: []Verdict{modified("aws_vpc_security_group_ingress_rule.data_admin", "cidr_ipv4")},
		Note: "A resource of the plugin framework. The group's own ingress changes too, but its source doesn't set it.",
	},
	{
		Name: "token-validity", Class: "plain", Stack: "features",
		Calls: []lab.Call{
			Call("cognito-idp", "update_user_pool_client", Params{
				"UserPoolId": "${aws_cognito_user_pool.customers.id}", "ClientId": "${aws_cognito_user_pool_client.site.id}",
				"ClientName": "atlas-test-site", "RefreshTokenValidity": 30, "AccessTokenValidity": 1440,
				"TokenValidityUnits":    Params{"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"},
				"ExplicitAuthFlows":     List{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"},
				"EnableTokenRevocation": true, "AuthSessionValidity": 3,
			}),
		},
		Want: []Verdict{modified("aws_cognito_user_pool_client.site", "access_token_validity")},
		Note: "Another resource of the plugin framework, with a block that stays the same.",
	},

	// Sets, and sets of blocks.
	{
		Name: "record-addresses", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("route53", "change_resource_record_sets", Params{
				"HostedZoneId": "${aws_route53_zone.main.zone_id}",
				"ChangeBatch": Params{"Changes": List{Params{"Action": "UPSERT", "ResourceRecordSet": Params{
					"Name": "app.atlas.example", "Type": "A", "TTL": 300,
					"ResourceRecords": List{Params{"Value": "10.20.1.10"}, Params{"Value": "10.99.0.1"}},
				}}}},
			}),
		},
		Want: []Verdict{modified("aws_route53_record.app", "records")},
		Note: "A set is one path, whichever element changed.",
	},
	{
		Name: "record-addresses-reordered", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("route53", "change_resource_record_sets", Params{
				"HostedZoneId": "${aws_route53_zone.main.zone_id}",
				"ChangeBatch": Params{"Changes": List{Params{"Action": "UPSERT", "ResourceRecordSet": Params{
					"Name": "app.atlas.example", "Type": "A", "TTL": 300,
					"ResourceRecords": List{Params{"Value": "10.20.1.11"}, Params{"Value": "10.20.1.10"}},
				}}}},
			}),
		},
		Note: "A set has no order.",
	},
	{
		Name: "group-member-removed", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "remove_user_from_group", Params{"GroupName": "atlas-test-operators", "UserName": "atlas-test-grace"}),
		},
		Want: []Verdict{modified("aws_iam_group_membership.operators", "users")},
		Note: "A set built by a for expression over other resources.",
	},
	{
		Name: "group-member-added", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "create_user", Params{"UserName": "mallory"}),
			Call("iam", "add_user_to_group", Params{"GroupName": "atlas-test-operators", "UserName": "mallory"}),
		},
		Want: []Verdict{modified("aws_iam_group_membership.operators", "users")},
		Note: "The membership owns the whole list of the group's users.",
	},
	{
		Name: "security-group-rule-added", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "authorize_security_group_ingress", Params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": List{
				Params{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": List{Params{"CidrIp": "0.0.0.0/0", "Description": "temporary"}}},
			}}),
		},
		Want: []Verdict{modified("aws_security_group.web", "ingress")},
		Note: "The classic: a port opened by hand. ingress is a set of objects (attribute as blocks), so one path.",
	},
	{
		Name: "security-group-egress-revoked", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "revoke_security_group_egress", Params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": List{
				Params{"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "IpRanges": List{Params{"CidrIp": "0.0.0.0/0"}}},
			}}),
		},
		Want: []Verdict{modified("aws_security_group.web", "egress")},
		Note: "The set's only element is gone.",
	},
	{
		Name: "cluster-setting", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("ecs", "update_cluster", Params{"cluster": "atlas-test", "settings": List{Params{"name": "containerInsights", "value": "disabled"}}}),
		},
		Want: []Verdict{modified("aws_ecs_cluster.main", "setting")},
		Note: "A set of blocks.",
	},
	{
		Name: "bucket-encryption", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_encryption", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "ServerSideEncryptionConfiguration": Params{"Rules": List{
				Params{"ApplyServerSideEncryptionByDefault": Params{"SSEAlgorithm": "aws:kms"}},
			}}}),
		},
		Want: []Verdict{modified("aws_s3_bucket_server_side_encryption_configuration.data", "rule")},
		Note: "A set of blocks with a list of blocks inside: the set is the leaf. The bucket's own copy is computed.",
	},
	{
		Name: "scaling-group-tag", Class: "sets", Stack: "features",
		Calls: []lab.Call{
			Call("autoscaling", "create_or_update_tags", Params{"Tags": List{Params{
				"ResourceId": "atlas-test-app", "ResourceType": "auto-scaling-group", "Key": "owner", "Value": "somebody else", "PropagateAtLaunch": true,
			}}}),
		},
		Want: []Verdict{modified("aws_autoscaling_group.app", "tag")},
		Note: "This type's tags are a set of blocks, made by a dynamic block over a map.",
	},

	// Nested blocks.
	{
		Name: "bucket-versioning-suspended", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_versioning", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "VersioningConfiguration": Params{"Status": "Suspended"}}),
		},
		Want: []Verdict{modified("aws_s3_bucket_versioning.data", "versioning_configuration[0].status")},
		Note: "aws_s3_bucket.data reports versioning too, in a computed block that its source doesn't set.",
	},
	{
		Name: "expiration-shortened", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_lifecycle_configuration", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "LifecycleConfiguration": Params{"Rules": List{
				Params{"ID": "expire-drafts", "Status": "Enabled", "Filter": Params{"Prefix": "drafts/"}, "Expiration": Params{"Days": 3}},
			}}}),
		},
		Want: []Verdict{modified("aws_s3_bucket_lifecycle_configuration.data", "rule[0].expiration[0].days")},
		Note: "Two levels of blocks, plugin framework.",
	},
	{
		Name: "lifecycle-rule-added", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_lifecycle_configuration", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "LifecycleConfiguration": Params{"Rules": List{
				Params{"ID": "expire-drafts", "Status": "Enabled", "Filter": Params{"Prefix": "drafts/"}, "Expiration": Params{"Days": 30}},
				Params{"ID": "expire-all", "Status": "Enabled", "Filter": Params{"Prefix": ""}, "Expiration": Params{"Days": 1}},
			}}}),
		},
		Want: []Verdict{modified("aws_s3_bucket_lifecycle_configuration.data", "rule[1]")},
		Note: "A block more in a list of blocks: the new element is the path.",
	},
	{
		Name: "password-policy", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("cognito-idp", "update_user_pool", Params{
				"UserPoolId": "${aws_cognito_user_pool.customers.id}", "AutoVerifiedAttributes": List{"email"}, "MfaConfiguration": "OFF", "DeletionProtection": "INACTIVE",
				"UserPoolTags": Params{"environment": "test", "managed_by": "terraform"},
				"Policies":     Params{"PasswordPolicy": Params{"MinimumLength": 6, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": false, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7}},
			}),
		},
		Want: []Verdict{modified("aws_cognito_user_pool.customers", "password_policy[0].minimum_length", "password_policy[0].require_numbers")},
		Note: "Two attributes of one block.",
	},
	{
		Name: "file-system-archive", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("efs", "put_lifecycle_configuration", Params{"FileSystemId": "${aws_efs_file_system.shared.id}", "LifecyclePolicies": List{Params{"TransitionToIA": "AFTER_7_DAYS"}}}),
		},
		Want: []Verdict{modified("aws_efs_file_system.shared", "lifecycle_policy[0].transition_to_ia")},
		Note: "An attribute of a block.",
	},
	{
		Name: "file-system-lifecycle-removed", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("efs", "put_lifecycle_configuration", Params{"FileSystemId": "${aws_efs_file_system.shared.id}", "LifecyclePolicies": List{}}),
		},
		Want: []Verdict{modified("aws_efs_file_system.shared", "lifecycle_policy[0]")},
		Note: "The source produces the block, live has none.",
	},
	{
		Name: "scan-on-push-off", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("ecr", "put_image_scanning_configuration", Params{"repositoryName": "atlas-test/app", "imageScanningConfiguration": Params{"scanOnPush": false}}),
		},
		Want: []Verdict{modified("aws_ecr_repository.app", "image_scanning_configuration[0].scan_on_push")},
		Note: "A required boolean in a block, now false.",
	},
	{
		Name: "template-disk-size", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_launch_template_version", Params{
				"LaunchTemplateId": "${aws_launch_template.app.id}",
				"LaunchTemplateData": Params{
					"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "UserData": "${aws_launch_template.app.user_data}",
					"BlockDeviceMappings": List{Params{"DeviceName": "/dev/xvda", "Ebs": Params{"VolumeSize": 200, "VolumeType": "gp3"}}},
					"TagSpecifications":   List{Params{"ResourceType": "instance", "Tags": List{Params{"Key": "owner", "Value": "delivery"}, Params{"Key": "project", "Value": "atlas"}}}},
				},
			}),
		},
		Want: []Verdict{modified("aws_launch_template.app", "block_device_mappings[0].ebs[0].volume_size")},
		Note: "The provider reads the latest version. latest_version differs as well, but the source can't set it; the scaling group still uses version 1, as applied.",
	},
	{
		Name: "health-check-path", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("elbv2", "modify_target_group", Params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "HealthCheckPath": "/"}),
		},
		Want: []Verdict{modified("aws_lb_target_group.web", "health_check[0].path")},
		Note: "Optional and computed inside the block, and set by the source.",
	},
	{
		Name: "root-volume-type", Class: "nested", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_volume", Params{"VolumeId": "${aws_instance.worker[0].root_block_device[0].volume_id}", "VolumeType": "io2"}),
		},
		Want: []Verdict{modified("aws_instance.worker[0]", "root_block_device[0].volume_type")},
		Note: "The attribute beside it is ignored; this one is not.",
	},

	// Optional and computed.
	{
		Name: "dns-hostnames-off", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_vpc_attribute", Params{"VpcId": "${aws_vpc.main.id}", "EnableDnsHostnames": Params{"Value": false}}),
		},
		Want: []Verdict{modified("aws_vpc.main", "enable_dns_hostnames")},
		Note: "Optional and computed, and the source sets it.",
	},
	{
		Name: "network-metrics-on", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_vpc_attribute", Params{"VpcId": "${aws_vpc.main.id}", "EnableNetworkAddressUsageMetrics": Params{"Value": true}}),
		},
		Observed: []Observation{seen("aws_vpc.main", "enable_network_address_usage_metrics")},
		Note:     "Optional and computed, and the source doesn't set it: a plan keeps what is live.",
	},
	{
		Name: "disk-optimisation-on", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_instance_attribute", Params{"InstanceId": "${aws_instance.worker[1].id}", "EbsOptimized": Params{"Value": true}}),
		},
		Want: []Verdict{modified("aws_instance.worker[1]", "ebs_optimized").replacing("ebs_optimized")},
		Note: "Optional and computed; the source sets it to false, which is not null. A revert would replace the instance (missed by hand).",
	},
	{
		Name: "termination-protection-on", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_instance_attribute", Params{"InstanceId": "${aws_instance.worker[1].id}", "DisableApiTermination": Params{"Value": true}}),
		},
		Observed: []Observation{seen("aws_instance.worker[1]", "disable_api_termination")},
		Note:     "Optional and computed; the source names it, but its variable is null, so it isn't set.",
	},
	{
		Name: "metadata-tokens-required", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_instance_metadata_options", Params{"InstanceId": "${aws_instance.worker[1].id}", "HttpTokens": "required", "HttpEndpoint": "enabled", "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled", "HttpPutResponseHopLimit": 1}),
		},
		Observed: []Observation{seen("aws_instance.worker[1]", "metadata_options[0].http_tokens")},
		Note:     "A block that the legacy SDK fills in by itself, and the schema doesn't say so. The source has none.",
	},
	{
		Name: "rule-added-beside-rule-resources", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "authorize_security_group_ingress", Params{"GroupId": "${aws_security_group.data.id}", "IpPermissions": List{
				Params{"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "IpRanges": List{Params{"CidrIp": "10.0.0.0/8"}}},
			}}),
		},
		Observed: []Observation{seen("aws_security_group.data", "ingress")},
		Note:     "The group's source sets no ingress, so the provider leaves it alone, as for every group whose rules are resources. A plan can't see this rule.",
	},
	{
		Name: "route-added-beside-route-resources", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_route", Params{"RouteTableId": "${aws_route_table.public.id}", "DestinationCidrBlock": "172.16.0.0/12", "GatewayId": "${aws_internet_gateway.main.id}"}),
		},
		Observed: []Observation{seen("aws_route_table.public", "route")},
		Note:     "The same with routes.",
	},
	{
		Name: "policy-attached-to-role", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "create_policy", Params{"PolicyName": "by-hand", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}),
			Call("iam", "attach_role_policy", Params{"RoleName": "atlas-test-worker", "PolicyArn": "arn:aws:iam::123456789012:policy/by-hand"}),
		},
		Observed: []Observation{seen("aws_iam_role.worker", "managed_policy_arns")},
		Note:     "managed_policy_arns is computed where the source doesn't claim the whole list. Grave, and not visible to a plan: Holdfast shows it as observed.",
	},
	{
		Name: "inline-policy-on-role", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "put_role_policy", Params{"RoleName": "atlas-test-worker", "PolicyName": "by-hand", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`}),
		},
		Observed: []Observation{seen("aws_iam_role.worker", "inline_policy", "managed_policy_arns")},
		Note:     "The same for inline_policy, a set of blocks that is computed in secret. managed_policy_arns differs without drift, because a sibling resource owns the attachment (forgotten by hand).",
	},
	{
		Name: "secret-resource-policy", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("secretsmanager", "put_resource_policy", Params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "ResourcePolicy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`}),
		},
		Observed: []Observation{seen("aws_secretsmanager_secret.api", "policy")},
		Note:     "Optional and computed, unset.",
	},
	{
		Name: "volume-grown", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_volume", Params{"VolumeId": "${aws_ebs_volume.scratch.id}", "Size": 40}),
		},
		Want: []Verdict{modified("aws_ebs_volume.scratch", "size")},
		Note: "Optional and computed, set. The instance's list of volumes changes too and is computed.",
	},
	{
		Name: "volume-faster", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_volume", Params{"VolumeId": "${aws_ebs_volume.scratch.id}", "Iops": 6000}),
		},
		Observed: []Observation{seen("aws_ebs_volume.scratch", "iops")},
		Note:     "Optional and computed, unset.",
	},
	{
		Name: "gateway-detached", Class: "computed", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "detach_internet_gateway", Params{"InternetGatewayId": "${aws_internet_gateway.main.id}", "VpcId": "${aws_vpc.main.id}"}),
		},
		Want: []Verdict{modified("aws_internet_gateway.main", "vpc_id")},
		Note: "Optional and computed, set to another resource's id; live has none.",
	},

	// The source doesn't set it, or sets it to null.
	{
		Name: "rule-disabled", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("events", "disable_rule", Params{"Name": "atlas-test-nightly"}),
		},
		Observed: []Observation{seen("aws_cloudwatch_event_rule.nightly", "is_enabled", "state")},
		Note:     "By hand: drift, since both are optional, not computed, and have defaults. A plan says otherwise: the provider suppresses the difference of each unless the source sets it.",
	},
	{
		Name: "session-lengthened", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "update_role", Params{"RoleName": "atlas-test-worker", "Description": "Worker of atlas", "MaxSessionDuration": 43200}),
		},
		Want: []Verdict{modified("aws_iam_role.worker", "max_session_duration")},
		Note: "A conditional that comes out as null; the provider's default puts it back.",
	},
	{
		Name: "queue-delay-where-null", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			setQueue("orders", Params{"DelaySeconds": "30"}),
		},
		Want: []Verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, "delay_seconds")},
		Note: "optional() in an object type gives null, passed through a module's input; the provider's default of 0 puts it back.",
	},
	{
		Name: "queue-long-polling", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			setQueue("mail", Params{"ReceiveMessageWaitTimeSeconds": "20"}),
		},
		Want: []Verdict{modified(`module.queue["mail"].aws_sqs_queue.this`, "receive_wait_time_seconds")},
		Note: "Not in the source at all, but the provider has a default.",
	},
	{
		Name: "queue-encryption-off", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", Params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": Params{"SqsManagedSseEnabled": "false"}}),
		},
		Observed: []Observation{seen("module.away_queue.aws_sqs_queue.this", "sqs_managed_sse_enabled")},
		Note:     "Not in the source, and computed: no default, so it stays.",
	},
	{
		Name: "topic-encrypted", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_topic_attributes", Params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "KmsMasterKeyId", "AttributeValue": "alias/aws/sns"}),
		},
		Want: []Verdict{modified("aws_sns_topic.events", "kms_master_key_id")},
		Note: "Optional, neither computed nor defaulted: a plan takes it away.",
	},
	{
		Name: "source-check-off", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_instance_attribute", Params{"InstanceId": "${aws_instance.worker[0].id}", "SourceDestCheck": Params{"Value": false}}),
		},
		Want: []Verdict{modified("aws_instance.worker[0]", "source_dest_check")},
		Note: "A default of true.",
	},
	{
		Name: "deregistration-delay", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("elbv2", "modify_target_group_attributes", Params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "Attributes": List{Params{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}}}),
		},
		Want: []Verdict{modified("aws_lb_target_group.web", "deregistration_delay")},
		Note: "A default of 300, as a string.",
	},
	{
		Name: "stickiness-on", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("elbv2", "modify_target_group_attributes", Params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "Attributes": List{Params{"Key": "stickiness.enabled", "Value": "true"}}}),
		},
		Observed: []Observation{seen("aws_lb_target_group.web", "stickiness[0].enabled")},
		Note:     "A computed block that the source doesn't have.",
	},
	{
		Name: "processes-suspended", Class: "unset", Stack: "features",
		Calls: []lab.Call{
			Call("autoscaling", "suspend_processes", Params{"AutoScalingGroupName": "atlas-test-app", "ScalingProcesses": List{"Launch", "Terminate"}}),
		},
		Want: []Verdict{modified("aws_autoscaling_group.app", "suspended_processes")},
		Note: "An optional set that was null: null to two elements counts, null to none would not.",
	},

	// Dynamic blocks.
	{
		Name: "device-memory-where-dynamic-is-empty", Class: "dynamic", Stack: "features",
		Calls: []lab.Call{
			Call("cognito-idp", "update_user_pool", Params{
				"UserPoolId": "${aws_cognito_user_pool.customers.id}", "AutoVerifiedAttributes": List{"email"}, "MfaConfiguration": "OFF", "DeletionProtection": "INACTIVE",
				"UserPoolTags":        Params{"environment": "test", "managed_by": "terraform"},
				"DeviceConfiguration": Params{"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": true},
				"Policies":            Params{"PasswordPolicy": Params{"MinimumLength": 12, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7}},
			}),
		},
		Want: []Verdict{modified("aws_cognito_user_pool.customers", "device_configuration[0]")},
		Note: "The dynamic block over an empty set produces nothing, and the block isn't computed: a plan takes it away.",
	},
	{
		Name: "old-versions-expire-where-dynamic-is-empty", Class: "dynamic", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_lifecycle_configuration", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "LifecycleConfiguration": Params{"Rules": List{
				Params{"ID": "expire-drafts", "Status": "Enabled", "Filter": Params{"Prefix": "drafts/"}, "Expiration": Params{"Days": 30}, "NoncurrentVersionExpiration": Params{"NoncurrentDays": 2}},
			}}}),
		},
		Want: []Verdict{modified("aws_s3_bucket_lifecycle_configuration.data", "rule[0].noncurrent_version_expiration[0]")},
		Note: "The same inside another block, plugin framework.",
	},
	{
		Name: "dynamic-element-revoked", Class: "dynamic", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "revoke_security_group_ingress", Params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": List{
				Params{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": List{Params{"CidrIp": "192.168.0.0/16", "Description": "TLS from inside"}}},
			}}),
		},
		Want: []Verdict{modified("aws_security_group.web", "ingress")},
		Note: "Half of one element of a dynamic block.",
	},
	{
		Name: "scaling-group-tag-removed", Class: "dynamic", Stack: "features",
		Calls: []lab.Call{
			Call("autoscaling", "delete_tags", Params{"Tags": List{Params{"ResourceId": "atlas-test-app", "ResourceType": "auto-scaling-group", "Key": "project", "Value": "atlas", "PropagateAtLaunch": true}}}),
		},
		Want: []Verdict{modified("aws_autoscaling_group.app", "tag")},
		Note: "A whole element of a dynamic block over a map.",
	},

	// Evaluating the source right.
	{
		Name: "instance-type-of-the-base-file", Class: "evaluation", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "stop_instances", Params{"InstanceIds": List{"${aws_instance.worker[1].id}"}}),
			Call("ec2", "modify_instance_attribute", Params{"InstanceId": "${aws_instance.worker[1].id}", "InstanceType": Params{"Value": "t3.micro"}}),
			Call("ec2", "start_instances", Params{"InstanceIds": List{"${aws_instance.worker[1].id}"}}),
		},
		Want: []Verdict{modified("aws_instance.worker[1]", "instance_type")},
		Note: "t3.micro is what compute.tf says, but compute_override.tf says t3.small: drift, not adopted.",
	},
	{
		Name: "log-retention-of-the-weaker-tfvars", Class: "evaluation", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 7}),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		Note: "7 is what terraform.tfvars says, but team.auto.tfvars comes later and says 14: drift, not adopted.",
	},
	{
		Name: "owner-of-the-weaker-tfvars", Class: "evaluation", Stack: "features",
		Calls: []lab.Call{
			callWest("ssm", "put_parameter", Params{"Name": "/atlas-test-replica/region", "Description": "Shared by platform", "Type": "String", "Value": "here", "Overwrite": true}),
		},
		Want: []Verdict{modified("module.replica.aws_ssm_parameter.away", "description")},
		Note: "The same through a module's input and a template string.",
	},

	// Tags.
	{
		Name: "tag-added", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_vpc.main.id}"}, "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Want: []Verdict{modified("aws_vpc.main", `tags["rogue"]`, `tags_all["rogue"]`)},
		Note: "tags_all is planned from the source's tags and the default tags, so it would be put back as well.",
	},
	{
		Name: "tag-changed", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{`${aws_subnet.this["back"].id}`}, "Tags": List{Params{"Key": "tier", "Value": "web"}}}),
		},
		Want: []Verdict{modified(`aws_subnet.this["back"]`, `tags["tier"]`, `tags_all["tier"]`)},
		Note: "A tag that merge() took from an optional() map.",
	},
	{
		Name: "tag-removed", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "delete_tags", Params{"Resources": List{"${aws_route_table.public.id}"}, "Tags": List{Params{"Key": "Name"}}}),
		},
		Want: []Verdict{modified("aws_route_table.public", `tags["Name"]`, `tags_all["Name"]`)},
		Note: "The only tag of its own; tags is empty now.",
	},
	{
		Name: "tag-added-where-source-has-none", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "tag_resource", Params{"resourceArn": "${aws_cloudwatch_log_group.app.arn}", "tags": Params{"rogue": "yes"}}),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_group.app", `tags["rogue"]`, `tags_all["rogue"]`)},
		Note: "tags was null: null is an empty map, so the key is the path.",
	},
	{
		Name: "default-tag-changed", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_security_group.web.id}"}, "Tags": List{Params{"Key": "managed_by", "Value": "console"}}}),
		},
		Want: []Verdict{modified("aws_security_group.web", `tags["managed_by"]`, `tags_all["managed_by"]`)},
		Note: "No longer equal to the default tag, so the provider reports it as the resource's own.",
	},
	{
		Name: "default-tag-removed", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "delete_tags", Params{"Resources": List{"${aws_security_group.web.id}"}, "Tags": List{Params{"Key": "managed_by"}}}),
		},
		Want: []Verdict{modified("aws_security_group.web", `tags_all["managed_by"]`)},
		Note: "Not one of the resource's own tags, so only tags_all shows it.",
	},
	{
		Name: "user-tag-changed", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "tag_user", Params{"UserName": "atlas-test-ada", "Tags": List{Params{"Key": "login", "Value": "countess"}}}),
		},
		Want: []Verdict{modified(`aws_iam_user.operator["ada"]`, `tags["login"]`, `tags_all["login"]`)},
		Note: "each.key as a tag.",
	},
	{
		Name: "framework-tag-changed", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_vpc_security_group_ingress_rule.data_admin.security_group_rule_id}"}, "Tags": List{Params{"Key": "Name", "Value": "nobody knows"}}}),
		},
		Want: []Verdict{modified("aws_vpc_security_group_ingress_rule.data_admin", `tags["Name"]`, `tags_all["Name"]`)},
		Note: "The plugin framework plans tags_all by itself; there it is computed only.",
	},
	{
		Name: "parameter-tagged", Class: "tags", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "add_tags_to_resource", Params{"ResourceType": "Parameter", "ResourceId": "/atlas-test/log_level", "Tags": List{Params{"Key": "a.b/c d", "Value": `quoted "x"`}}}),
		},
		Want: []Verdict{modified(`aws_ssm_parameter.setting["log_level"]`, `tags["a.b/c d"]`, `tags_all["a.b/c d"]`)},
		Note: "A key that needs the quotes of the notation.",
	},

	// lifecycle ignore_changes.
	{
		Name: "ignored-attribute", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("autoscaling", "set_desired_capacity", Params{"AutoScalingGroupName": "atlas-test-app", "DesiredCapacity": 2}),
		},
		Observed: []Observation{seen("aws_autoscaling_group.app", "desired_capacity")},
		Note:     "A whole attribute.",
	},
	{
		Name: "ignored-attribute-and-another", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("autoscaling", "update_auto_scaling_group", Params{"AutoScalingGroupName": "atlas-test-app", "DesiredCapacity": 2, "MaxSize": 6}),
		},
		Want: []Verdict{modified("aws_autoscaling_group.app", "max_size")},
		Note: "Only the one that is not ignored.",
	},
	{
		Name: "ignored-tag", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_vpc.main.id}"}, "Tags": List{Params{"Key": "scanned_at", "Value": "2026-11-01"}}}),
		},
		Observed: []Observation{seen("aws_vpc.main", `tags["scanned_at"]`, `tags_all["scanned_at"]`)},
		Note:     "One key of a map. tags_all follows: it is planned from tags after ignoring.",
	},
	{
		Name: "ignored-tag-removed", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "delete_tags", Params{"Resources": List{"${aws_vpc.main.id}"}, "Tags": List{Params{"Key": "scanned_at"}}}),
		},
		Observed: []Observation{seen("aws_vpc.main", `tags["scanned_at"]`, `tags_all["scanned_at"]`)},
		Note:     "An ignored key that live doesn't have is taken out of the configuration.",
	},
	{
		Name: "ignored-tag-and-another", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_vpc.main.id}"}, "Tags": List{Params{"Key": "scanned_at", "Value": "2026-11-01"}, Params{"Key": "owner", "Value": "me"}}}),
		},
		Want: []Verdict{modified("aws_vpc.main", `tags["owner"]`, `tags_all["owner"]`)},
		Note: "Another key of the same map.",
	},
	{
		Name: "ignored-nested", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "modify_volume", Params{"VolumeId": "${aws_instance.worker[1].root_block_device[0].volume_id}", "Size": 64}),
		},
		Observed: []Observation{seen("aws_instance.worker[1]", "root_block_device[0].volume_size")},
		Note:     "An attribute of the first of a list of blocks.",
	},
	{
		Name: "ignored-nested-and-another", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("elbv2", "modify_target_group", Params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "HealthCheckIntervalSeconds": 60, "Matcher": Params{"HttpCode": "200-499"}}),
		},
		Want: []Verdict{modified("aws_lb_target_group.web", "health_check[0].matcher")},
		Note: "Another attribute of the same block.",
	},
	{
		Name: "all-ignored", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/handover", "Type": "String", "Value": "theirs", "Description": "theirs", "Overwrite": true}),
			Call("ssm", "add_tags_to_resource", Params{"ResourceType": "Parameter", "ResourceId": "/atlas-test/handover", "Tags": List{Params{"Key": "owner", "Value": "them"}}}),
		},
		Observed: []Observation{seen("aws_ssm_parameter.handover", "description", `tags["owner"]`, `tags_all["owner"]`, "value", "version")},
		Note:     "ignore_changes = all.",
	},
	{
		Name: "all-ignored-deleted", Class: "ignore", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "delete_parameter", Params{"Name": "/atlas-test/handover"}),
		},
		Want: []Verdict{deleted("aws_ssm_parameter.handover")},
		Note: "all leaves deletion.",
	},

	// JSON in strings.
	{
		Name: "topic-policy-rewritten", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_topic_attributes", Params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "Policy", "AttributeValue": `{
  "Statement": [ { "Resource": "${aws_sns_topic.events.arn}", "Action": ["SNS:Publish"],
    "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Effect": "Allow", "Sid": "PublishFromThisAccount" } ],
  "Version": "2012-10-17" }`}),
		},
		Note: "Other order, other spaces, a list of one for a string: the same policy.",
	},
	{
		Name: "topic-policy-widened", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_topic_attributes", Params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "Policy", "AttributeValue": `{"Version":"2012-10-17","Statement":[{"Sid":"PublishFromThisAccount","Effect":"Allow","Principal":{"AWS":"*"},"Action":"SNS:Publish","Resource":"${aws_sns_topic.events.arn}"}]}`}),
		},
		Want: []Verdict{modified("aws_sns_topic_policy.events", "policy")},
		Note: "The topic itself reports its policy too, but doesn't set it.",
	},
	{
		Name: "bucket-policy-reordered", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_policy", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "Policy": `{"Statement":[{"Resource":["${aws_s3_bucket.data.arn}/*","${aws_s3_bucket.data.arn}"],"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["s3:GetObject","s3:ListBucket"],"Effect":"Allow","Sid":"ReadFromThisAccount"}],"Version":"2012-10-17"}`}),
		},
		Note: "Keys, actions and resources in another order.",
	},
	{
		Name: "bucket-policy-widened", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "put_bucket_policy", Params{"Bucket": "${aws_s3_bucket.data.bucket}", "Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"ReadFromThisAccount","Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["${aws_s3_bucket.data.arn}","${aws_s3_bucket.data.arn}/*"]}]}`}),
		},
		Want: []Verdict{modified("aws_s3_bucket_policy.data", "policy")},
		Note: "The source is a data source's output, which must be evaluated or taken from the state.",
	},
	{
		Name: "managed-policy-widened", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "create_policy_version", Params{"PolicyArn": "${aws_iam_policy.worker.arn}", "SetAsDefault": true, "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Sid":"Queues","Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage"],"Resource":"*"}]}`}),
		},
		Want: []Verdict{modified("aws_iam_policy.worker", "policy")},
		Note: "A heredoc with references in it.",
	},
	{
		Name: "managed-policy-rewritten", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "create_policy_version", Params{"PolicyArn": "${aws_iam_policy.worker.arn}", "SetAsDefault": true, "PolicyDocument": `{"Statement":{"Resource":"arn:aws:sqs:us-east-1:123456789012:atlas-test-*","Action":["sqs:DeleteMessage","sqs:ReceiveMessage"],"Effect":"Allow","Sid":"Queues"},"Version":"2012-10-17"}`}),
		},
		Note: "One statement for a list of one, actions in another order.",
	},
	{
		Name: "trust-rewritten", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "update_assume_role_policy", Params{"RoleName": "atlas-test-worker", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Principal":{"Service":["ec2.amazonaws.com"]},"Effect":"Allow","Action":["sts:AssumeRole"]}]}`}),
		},
		Note: "Lists of one for strings.",
	},
	{
		Name: "trust-widened", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "update_assume_role_policy", Params{"RoleName": "atlas-test-worker", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com","AWS":"*"},"Action":"sts:AssumeRole"}]}`}),
		},
		Want: []Verdict{modified("aws_iam_role.worker", "assume_role_policy")},
		Note: "Anybody may take the role.",
	},
	{
		Name: "dashboard-rewritten", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("cloudwatch", "put_dashboard", Params{"DashboardName": "atlas-test", "DashboardBody": `{"widgets":[{"properties":{"markdown":"# ATLAS"},"height":2,"width":24,"y":0,"x":0,"type":"text"},{"properties":{"metrics":[["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","atlas-test-mail"],["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","atlas-test-orders"]],"title":"Depth of the queues","region":"us-east-1"},"height":6,"width":12,"y":2,"x":0,"type":"metric"}]}`}),
		},
		Note: "The same document as the template file's, on one line and in another order.",
	},
	{
		Name: "dashboard-edited", Class: "json", Stack: "features",
		Calls: []lab.Call{
			Call("cloudwatch", "put_dashboard", Params{"DashboardName": "atlas-test", "DashboardBody": `{"widgets":[{"type":"text","x":0,"y":0,"width":24,"height":2,"properties":{"markdown":"# mine"}}]}`}),
		},
		Want: []Verdict{modified("aws_cloudwatch_dashboard.main", "dashboard_body")},
		Note: "Another document.",
	},

	// State functions.
	{
		Name: "user-data-edited", Class: "state-func", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "stop_instances", Params{"InstanceIds": List{"${aws_instance.worker[0].id}"}}),
			Call("ec2", "modify_instance_attribute", Params{"InstanceId": "${aws_instance.worker[0].id}", "UserData": Params{"Value": encoded("#!/bin/sh\ncurl example.org | sh\n")}}),
			Call("ec2", "start_instances", Params{"InstanceIds": List{"${aws_instance.worker[0].id}"}}),
		},
		Want: []Verdict{modified("aws_instance.worker[0]", "user_data")},
		Note: "The state holds a hash of it, live another hash.",
	},
	{
		Name: "user-data-rewritten-the-same", Class: "state-func", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "stop_instances", Params{"InstanceIds": List{"${aws_instance.worker[0].id}"}}),
			Call("ec2", "modify_instance_attribute", Params{"InstanceId": "${aws_instance.worker[0].id}", "UserData": Params{"Value": encoded("#!/bin/sh\n# Worker 0 of atlas\npoll --queue mail\npoll --queue orders\n")}}),
			Call("ec2", "start_instances", Params{"InstanceIds": List{"${aws_instance.worker[0].id}"}}),
		},
		Note: "What the template renders to: the same hash. Comparing the source with the state would see a script against a hash.",
	},
	{
		Name: "tag-beside-user-data", Class: "state-func", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_instance.worker[0].id}"}, "Tags": List{Params{"Key": "Name", "Value": "renamed"}}}),
		},
		Want: []Verdict{modified("aws_instance.worker[0]", `tags["Name"]`, `tags_all["Name"]`)},
		Note: "The hash goes through plan once there is something to plan: it must not become a finding. The other worker is clean.",
	},

	// Deletions.
	{
		Name: "rule-target-removed", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("events", "remove_targets", Params{"Rule": "atlas-test-nightly", "Ids": List{"mail"}}),
		},
		Want: []Verdict{deleted("aws_cloudwatch_event_target.nightly")},
		Note: "The rule itself is untouched.",
	},
	{
		Name: "policy-detached", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "detach_role_policy", Params{"RoleName": "atlas-test-worker", "PolicyArn": "${aws_iam_policy.worker.arn}"}),
		},
		Want: []Verdict{deleted("aws_iam_role_policy_attachment.worker")},
		Note: "A relation is a resource.",
	},
	{
		Name: "rule-resource-revoked", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "revoke_security_group_ingress", Params{"GroupId": "${aws_security_group.data.id}", "IpPermissions": List{
				Params{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": List{Params{"GroupId": "${aws_security_group.web.id}", "Description": "Database from the web tier"}}},
			}}),
		},
		Want: []Verdict{deleted("aws_security_group_rule.data_from_web")},
		Note: "The group's own ingress, which its source doesn't set, shows the same and does not count.",
	},
	{
		Name: "framework-rule-revoked", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "revoke_security_group_ingress", Params{"GroupId": "${aws_security_group.data.id}", "SecurityGroupRuleIds": List{"${aws_vpc_security_group_ingress_rule.data_admin.security_group_rule_id}"}}),
		},
		Want: []Verdict{deleted("aws_vpc_security_group_ingress_rule.data_admin")},
		Note: "Plugin framework.",
	},
	{
		Name: "route-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "delete_route", Params{"RouteTableId": "${aws_route_table.public.id}", "DestinationCidrBlock": "0.0.0.0/0"}),
		},
		Want: []Verdict{deleted("aws_route.internet")},
		Note: "The table's own list of routes is as empty as when it was applied.",
	},
	{
		Name: "subnet-disassociated", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "disassociate_route_table", Params{"AssociationId": `${aws_route_table_association.public["front"].id}`}),
		},
		Want: []Verdict{deleted(`aws_route_table_association.public["front"]`)},
		Note: "By for_each key, from a filtered for expression.",
	},
	{
		Name: "volume-detached", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "detach_volume", Params{"VolumeId": "${aws_ebs_volume.scratch.id}", "InstanceId": "${aws_instance.worker[0].id}"}),
		},
		Want: []Verdict{deleted("aws_volume_attachment.scratch")},
		Note: "Volume and instance are as they were.",
	},
	{
		Name: "volume-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "detach_volume", Params{"VolumeId": "${aws_ebs_volume.scratch.id}", "InstanceId": "${aws_instance.worker[0].id}"}),
			Call("ec2", "delete_volume", Params{"VolumeId": "${aws_ebs_volume.scratch.id}"}),
		},
		Want: []Verdict{deleted("aws_ebs_volume.scratch"), deleted("aws_volume_attachment.scratch")},
		Note: "With what hung on it. The volume has a timeouts block, which no API returns.",
	},
	{
		Name: "worker-terminated", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "terminate_instances", Params{"InstanceIds": List{"${aws_instance.worker[1].id}"}}),
		},
		Want: []Verdict{deleted("aws_instance.worker[1]")},
		Note: "Still described for a while, as terminated: the provider takes that for gone. One of two by count.",
	},
	{
		Name: "task-definition-deregistered", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("ecs", "deregister_task_definition", Params{"taskDefinition": "atlas-test-app:1"}),
		},
		Want: []Verdict{deleted("aws_ecs_task_definition.app")},
		Note: "Inactive is gone.",
	},
	{
		Name: "bucket-policy-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "delete_bucket_policy", Params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
			Call("s3", "delete_public_access_block", Params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
			Call("s3", "delete_bucket_lifecycle", Params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
		},
		Want: []Verdict{deleted("aws_s3_bucket_policy.data"), deleted("aws_s3_bucket_public_access_block.data"), deleted("aws_s3_bucket_lifecycle_configuration.data")},
		Note: "Three settings of a bucket that are resources; the bucket stays.",
	},
	{
		Name: "bucket-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("s3", "delete_bucket", Params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
		},
		Want: []Verdict{
			deleted("aws_s3_bucket.data"), deleted("aws_s3_bucket_lifecycle_configuration.data"), deleted("aws_s3_bucket_policy.data"),
			deleted("aws_s3_bucket_public_access_block.data"), deleted("aws_s3_bucket_server_side_encryption_configuration.data"), deleted("aws_s3_bucket_versioning.data"),
		},
		Note: "And all that is part of it.",
	},
	{
		Name: "log-group-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "delete_metric_filter", Params{"logGroupName": "/atlas-test/app", "filterName": "atlas-test-errors"}),
			Call("logs", "delete_log_group", Params{"logGroupName": "/atlas-test/app"}),
		},
		Want: []Verdict{deleted("aws_cloudwatch_log_group.app"), deleted("aws_cloudwatch_log_metric_filter.errors")},
		Note: "AWS deletes the filter with the group; the emulator needs to be told.",
	},
	{
		Name: "secret-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("secretsmanager", "delete_secret", Params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "ForceDeleteWithoutRecovery": true}),
		},
		Want: []Verdict{deleted("aws_secretsmanager_secret.api"), deleted("aws_secretsmanager_secret_version.api")},
		Note: "With its versions. At once, because the emulator words the refusal to read a secret that waits for its deletion otherwise than AWS, and the provider then fails instead of taking it for gone.",
	},
	{
		Name: "user-pool-client-deleted", Class: "deletion", Stack: "features",
		Calls: []lab.Call{
			Call("cognito-idp", "delete_user_pool_client", Params{"UserPoolId": "${aws_cognito_user_pool.customers.id}", "ClientId": "${aws_cognito_user_pool_client.site.id}"}),
		},
		Want: []Verdict{deleted("aws_cognito_user_pool_client.site")},
		Note: "Plugin framework.",
	},

	// Modules.
	{
		Name: "module-queue-visibility", Class: "module", Stack: "features",
		Calls: []lab.Call{
			setQueue("orders", Params{"VisibilityTimeout": "300"}),
		},
		Want: []Verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, "visibility_timeout_seconds")},
		Note: "One instance of a module's for_each.",
	},
	{
		Name: "module-queue-retention", Class: "module", Stack: "features",
		Calls: []lab.Call{
			setQueue("mail", Params{"MessageRetentionPeriod": "345600"}),
		},
		Want: []Verdict{modified(`module.queue["mail"].aws_sqs_queue.this`, "message_retention_seconds")},
		Note: "4 days: the default of the module's variable and of the object type, and right for the other queue. This one says 7.",
	},
	{
		Name: "module-queue-label", Class: "module", Stack: "features",
		Calls: []lab.Call{
			Call("sqs", "tag_queue", Params{"QueueUrl": `${module.queue["orders"].aws_sqs_queue.this.url}`, "Tags": Params{"criticality": "low"}}),
			Call("sqs", "untag_queue", Params{"QueueUrl": `${module.queue["orders"].aws_sqs_queue.this.url}`, "TagKeys": List{"owner"}}),
		},
		Want: []Verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, `tags["criticality"]`, `tags["owner"]`, `tags_all["criticality"]`, `tags_all["owner"]`)},
		Note: "One tag changed and one removed.",
	},
	{
		Name: "module-queue-policy-widened", Class: "module", Stack: "features",
		Calls: []lab.Call{
			setQueue("mail", Params{"Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"Senders","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"${module.queue["mail"].aws_sqs_queue.this.arn}"}]}`}),
		},
		Want: []Verdict{modified(`module.queue["mail"].aws_sqs_queue_policy.this[0]`, "policy")},
		Note: "A count in a module's for_each. The queue reports the policy too, and doesn't set it.",
	},
	{
		Name: "module-queue-policy-emptied", Class: "module", Stack: "features",
		Calls: []lab.Call{
			setQueue("mail", Params{"Policy": ""}),
		},
		Want: []Verdict{deleted(`module.queue["mail"].aws_sqs_queue_policy.this[0]`)},
		Note: "No policy is no resource.",
	},
	{
		Name: "module-queue-deleted", Class: "module", Stack: "features",
		Calls: []lab.Call{
			Call("sqs", "delete_queue", Params{"QueueUrl": `${module.queue["mail"].aws_sqs_queue.this.url}`}),
		},
		Want: []Verdict{deleted(`module.queue["mail"].aws_sqs_queue.this`), deleted(`module.queue["mail"].aws_sqs_queue_policy.this[0]`)},
		Note: "What refers to the queue's arn (the rule's target) is unknown in a plan now, but as applied: not drift.",
	},

	// The second region.
	{
		Name: "away-parameter", Class: "region", Stack: "features",
		Calls: []lab.Call{
			callWest("ssm", "put_parameter", Params{"Name": "/atlas-test-replica/region", "Description": "Shared by delivery", "Type": "String", "Value": "there", "Overwrite": true}),
		},
		Want: []Verdict{modified("module.replica.aws_ssm_parameter.away", "value").hiding("value")},
		Note: "The other region has a parameter of the same name: only the provider's configuration tells them apart.",
	},
	{
		Name: "home-parameter", Class: "region", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test-replica/region", "Type": "String", "Value": "there", "Overwrite": true}),
		},
		Want: []Verdict{modified("module.replica.aws_ssm_parameter.home", "value").hiding("value")},
		Note: "And the other way round.",
	},
	{
		Name: "away-queue", Class: "region", Stack: "features",
		Calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", Params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": Params{"VisibilityTimeout": "45"}}),
		},
		Want: []Verdict{modified("module.away_queue.aws_sqs_queue.this", "visibility_timeout_seconds")},
		Note: "A module that knows only one provider, given the alias; the value is the default of its variable.",
	},
	{
		Name: "away-default-tag", Class: "region", Stack: "features",
		Calls: []lab.Call{
			callWest("sns", "tag_resource", Params{"ResourceArn": "${module.replica.aws_sns_topic.away.arn}", "Tags": List{Params{"Key": "site", "Value": "home"}}}),
		},
		Want: []Verdict{modified("module.replica.aws_sns_topic.away", `tags["site"]`, `tags_all["site"]`)},
		Note: "A default tag that only the aliased provider has.",
	},
	{
		Name: "away-topic-deleted", Class: "region", Stack: "features",
		Calls: []lab.Call{
			callWest("sns", "delete_topic", Params{"TopicArn": "${module.replica.aws_sns_topic.away.arn}"}),
		},
		Want: []Verdict{deleted("module.replica.aws_sns_topic.away")},
		Note: "One of several objects behind that provider.",
	},

	// Code changed and not applied, alone: never a finding.
	{
		Name: "code-attribute-added", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("messaging.tf", "  display_name = local.page_title\n", "  display_name = local.page_title\n  kms_master_key_id = \"alias/aws/sns\"\n"),
		},
		Pending: []string{"aws_sns_topic.events"},
		Note:    "Code not applied yet is not drift.",
	},
	{
		Name: "code-attribute-removed", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("messaging.tf", "  description         = \"Cleans up at night\"\n", ""),
		},
		Pending: []string{"aws_cloudwatch_event_rule.nightly"},
		Note:    "Likewise what it no longer says.",
	},
	{
		Name: "code-value-changed", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("team.auto.tfvars", "log_retention_days = 14", "log_retention_days = 30"),
		},
		Pending: []string{"aws_cloudwatch_log_group.app"},
		Note:    "Through a variable.",
	},
	{
		Name: "code-default-tag-added", Class: "pending", Stack: "features", Alone: true,
		Edits: []Edit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"terraform\"\n    cost_centre = \"4711\"\n"),
		},
		Pending: []string{"aws_vpc.main", "module.replica.aws_sns_topic.away", "aws_vpc_security_group_ingress_rule.data_admin"},
		Note:    "Changes nearly every resource's plan, and no verdict.",
	},
	{
		Name: "code-default-tag-changed", Class: "pending", Stack: "features", Alone: true,
		Edits: []Edit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"holdfast\"\n"),
		},
		Pending:    []string{"aws_vpc.main", "module.replica.aws_sns_topic.away", "aws_vpc_security_group_ingress_rule.data_admin"},
		BeyondPlan: notOneOfTheDefaultTags,
		Note:       "Nobody touched a tag. tags_all, live and applied, is the same.",
	},
	{
		Name: "code-default-tag-removed", Class: "pending", Stack: "features", Alone: true,
		Edits: []Edit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", ""),
		},
		Pending:    []string{"aws_vpc.main", "module.replica.aws_sns_topic.away", "aws_vpc_security_group_ingress_rule.data_admin"},
		BeyondPlan: notOneOfTheDefaultTags,
		Note:       "The same with a tag taken out of the code.",
	},
	{
		Name: "code-block-added", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("terraform.tfvars", "  { port = 80 },\n", "  { port = 80 },\n  { port = 8080 },\n"),
		},
		Pending: []string{"aws_security_group.web"},
		Note:    "One more element of a dynamic block.",
	},
	{
		Name: "code-block-removed", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("storage.tf", "  lifecycle_policy {\n    transition_to_ia = \"AFTER_30_DAYS\"\n  }\n", ""),
		},
		Pending: []string{"aws_efs_file_system.shared"},
		Note:    "A block less.",
	},
	{
		Name: "code-template-changed", Class: "pending", Stack: "features",
		Edits: []Edit{
			appendTo("templates/worker.sh.tftpl", "echo done\n"),
		},
		Pending: []string{"aws_instance.worker[0]", "aws_instance.worker[1]"},
		Note:    "A file that templatefile reads, behind a state function.",
	},
	{
		Name: "code-instances-added", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("variables.tf", "  type    = number\n  default = 2\n}\n\nvariable \"keep_workers\"", "  type    = number\n  default = 3\n}\n\nvariable \"keep_workers\""),
			replaceIn("team.auto.tfvars", "settings = {\n", "settings = {\n  colour = \"blue\"\n"),
			appendTo("extra.tf", "resource \"aws_sns_topic\" \"extra\" {\n  name = \"extra\"\n}\n"),
		},
		Pending: []string{"aws_instance.worker[2]", `aws_ssm_parameter.setting["colour"]`, "aws_sns_topic.extra"},
		Note:    "By count, by for_each, and a new resource: in the code, not in the state.",
	},
	{
		Name: "code-input-of-terraform-data", Class: "pending", Stack: "features",
		Edits: []Edit{
			replaceIn("locals.tf", `upper(var.project)`, `title(var.project)`),
		},
		Pending: []string{"terraform_data.release", "aws_sns_topic.events", "aws_cloudwatch_dashboard.main"},
		Note:    "terraform_data has no remote object: it never drifts.",
	},

	// Code changed and not applied, and drift: only the drift.
	{
		Name: "code-attribute-added-and-drift", Class: "pending", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_topic_attributes", Params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "DisplayName", "AttributeValue": "by hand"}),
		},
		Edits: []Edit{
			replaceIn("messaging.tf", "  display_name = local.page_title\n", "  display_name = local.page_title\n  kms_master_key_id = \"alias/aws/sns\"\n"),
		},
		Want:    []Verdict{modified("aws_sns_topic.events", "display_name")},
		Pending: []string{"aws_sns_topic.events"},
		Note:    "kms_master_key_id is planned, but live and applied agree on it.",
	},
	{
		Name: "code-attribute-removed-and-drift-on-it", Class: "pending", Stack: "features",
		Calls: []lab.Call{
			Call("events", "put_rule", Params{"Name": "atlas-test-nightly", "Description": "by hand", "ScheduleExpression": "cron(0 3 * * ? *)", "State": "ENABLED"}),
		},
		Edits: []Edit{
			replaceIn("messaging.tf", "  description         = \"Cleans up at night\"\n", ""),
		},
		Want: []Verdict{modified("aws_cloudwatch_event_rule.nightly", "description")},
		Note: "Live is neither what was applied nor what the code wants now.",
	},
	{
		Name: "code-value-changed-and-drift-on-it", Class: "pending", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 60}),
		},
		Edits: []Edit{
			replaceIn("team.auto.tfvars", "log_retention_days = 14", "log_retention_days = 30"),
		},
		Want: []Verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		Note: "Applied 14, code 30, live 60.",
	},
	{
		Name: "code-default-tag-added-and-drift", Class: "pending", Stack: "features", Alone: true,
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_vpc.main.id}"}, "Tags": List{Params{"Key": "owner", "Value": "me"}}}),
		},
		Edits: []Edit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"terraform\"\n    cost_centre = \"4711\"\n"),
		},
		Want:    []Verdict{modified("aws_vpc.main", `tags["owner"]`, `tags_all["owner"]`)},
		Pending: []string{"aws_vpc.main"},
		Note:    "Not the default tags, though every tags_all is planned anew.",
	},
	{
		Name: "code-default-tag-changed-and-drift", Class: "pending", Stack: "features", Alone: true,
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_vpc.main.id}"}, "Tags": List{Params{"Key": "owner", "Value": "me"}}}),
		},
		Edits: []Edit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"holdfast\"\n"),
		},
		Want:       []Verdict{modified("aws_vpc.main", `tags["owner"]`, `tags_all["owner"]`)},
		Pending:    []string{"aws_vpc.main"},
		BeyondPlan: notOneOfTheDefaultTags,
		Note:       "One tag changed by hand; managed_by was not.",
	},
	{
		Name: "code-default-tag-changed-and-drift-on-it", Class: "pending", Stack: "features", Alone: true,
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_route_table.public.id}"}, "Tags": List{Params{"Key": "managed_by", "Value": "me"}}}),
		},
		Edits: []Edit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"holdfast\"\n"),
		},
		Want:       []Verdict{modified("aws_route_table.public", `tags["managed_by"]`, `tags_all["managed_by"]`)},
		BeyondPlan: notOneOfTheDefaultTags,
		Note:       "Here somebody did change it: applied terraform, code holdfast, live me. On every other resource nobody did.",
	},
	{
		Name: "code-block-added-and-drift", Class: "pending", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "authorize_security_group_ingress", Params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": List{
				Params{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": List{Params{"CidrIp": "0.0.0.0/0"}}},
			}}),
		},
		Edits: []Edit{
			replaceIn("terraform.tfvars", "  { port = 80 },\n", "  { port = 80 },\n  { port = 8080 },\n"),
		},
		Want: []Verdict{modified("aws_security_group.web", "ingress")},
		Note: "The set is one path: the port opened by hand counts, whatever the code adds.",
	},
	{
		Name: "code-template-changed-and-drift", Class: "pending", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_instance.worker[0].id}"}, "Tags": List{Params{"Key": "owner", "Value": "me"}}}),
		},
		Edits: []Edit{
			appendTo("templates/worker.sh.tftpl", "echo done\n"),
		},
		Want:    []Verdict{modified("aws_instance.worker[0]", `tags["owner"]`, `tags_all["owner"]`)},
		Pending: []string{"aws_instance.worker[0]", "aws_instance.worker[1]"},
		Note:    "user_data is planned, but live and applied agree on the hash.",
	},
	{
		Name: "code-block-removed-and-drift-beside-it", Class: "pending", Stack: "features",
		Calls: []lab.Call{
			Call("efs", "tag_resource", Params{"ResourceId": "${aws_efs_file_system.shared.id}", "Tags": List{Params{"Key": "Name", "Value": "mine"}}}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", "  lifecycle_policy {\n    transition_to_ia = \"AFTER_30_DAYS\"\n  }\n", ""),
		},
		Want:    []Verdict{modified("aws_efs_file_system.shared", `tags["Name"]`, `tags_all["Name"]`)},
		Pending: []string{"aws_efs_file_system.shared"},
		Note:    "By hand also name, which follows the Name tag; but it is computed, so a plan keeps what is live.",
	},

	// Adopted: the code says what is live.
	{
		Name: "adopted-value", Class: "adopted", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 30}),
		},
		Edits: []Edit{
			replaceIn("team.auto.tfvars", "log_retention_days = 14", "log_retention_days = 30"),
		},
		Adopted: []Observation{seen("aws_cloudwatch_log_group.app", "retention_in_days")},
		Note:    "A plan has nothing to do.",
	},
	{
		Name: "adopted-rule", Class: "adopted", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "authorize_security_group_ingress", Params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": List{
				Params{"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": List{Params{"CidrIp": "0.0.0.0/0"}}},
			}}),
		},
		Edits: []Edit{
			replaceIn("terraform.tfvars", "  { port = 80 },\n", "  { port = 80 },\n  { port = 8080 },\n"),
		},
		Adopted: []Observation{seen("aws_security_group.web", "ingress")},
		Note:    "A whole set, equal to what the dynamic block now produces.",
	},
	{
		Name: "adopted-tag", Class: "adopted", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_internet_gateway.main.id}"}, "Tags": List{Params{"Key": "zone", "Value": "edge"}}}),
		},
		Edits: []Edit{
			replaceIn("network.tf", "    Name = \"${local.prefix}-internet\"\n", "    Name = \"${local.prefix}-internet\"\n    zone = \"edge\"\n"),
		},
		Adopted: []Observation{seen("aws_internet_gateway.main", `tags["zone"]`, `tags_all["zone"]`)},
		Note:    "One more tag on both sides.",
	},
	{
		Name: "adopted-one-of-two", Class: "adopted", Stack: "features",
		Calls: []lab.Call{
			setQueue("orders", Params{"VisibilityTimeout": "90", "MessageRetentionPeriod": "86400"}),
		},
		Edits: []Edit{
			replaceIn("team.auto.tfvars", "visibility = 60", "visibility = 90"),
		},
		Want:    []Verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, "message_retention_seconds")},
		Adopted: []Observation{seen(`module.queue["orders"].aws_sqs_queue.this`, "visibility_timeout_seconds")},
		Note:    "The other one is still drift.",
	},
	{
		Name: "adopted-policy", Class: "adopted", Stack: "features",
		Calls: []lab.Call{
			Call("iam", "create_policy_version", Params{"PolicyArn": "${aws_iam_policy.worker.arn}", "SetAsDefault": true, "PolicyDocument": `{"Statement":[{"Action":["sqs:DeleteMessage","sqs:ReceiveMessage","sqs:GetQueueUrl"],"Effect":"Allow","Resource":"arn:aws:sqs:us-east-1:123456789012:atlas-test-*","Sid":"Queues"}],"Version":"2012-10-17"}`}),
		},
		Edits: []Edit{
			replaceIn("compute.tf", `["sqs:ReceiveMessage", "sqs:DeleteMessage"]`, `["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"]`),
		},
		Adopted: []Observation{seen("aws_iam_policy.worker", "policy")},
		Note:    "The source's text and the live one differ; the policies are equal.",
	},

	// moved blocks and implied moves, not applied yet.
	{
		Name: "moved-renamed", Class: "moved", Stack: "features",
		Edits: []Edit{
			replaceIn("storage.tf", `resource "aws_athena_workgroup" "reports"`, `resource "aws_athena_workgroup" "queries"`),
			appendTo("moved.tf", "moved {\n  from = aws_athena_workgroup.reports\n  to   = aws_athena_workgroup.queries\n}\n"),
		},
		Note: "Only the address in the state changes.",
	},
	{
		Name: "moved-renamed-and-drift", Class: "moved", Stack: "features",
		Calls: []lab.Call{
			Call("athena", "tag_resource", Params{"ResourceARN": "${aws_athena_workgroup.reports.arn}", "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", `resource "aws_athena_workgroup" "reports"`, `resource "aws_athena_workgroup" "queries"`),
			appendTo("moved.tf", "moved {\n  from = aws_athena_workgroup.reports\n  to   = aws_athena_workgroup.queries\n}\n"),
		},
		Want: []Verdict{modified("aws_athena_workgroup.queries", `tags["rogue"]`, `tags_all["rogue"]`)},
		Note: "The state's old instance is judged by the source of its new address, or it would look like an orphan.",
	},
	{
		Name: "moved-renamed-and-deleted", Class: "moved", Stack: "features",
		Calls: []lab.Call{
			Call("athena", "delete_work_group", Params{"WorkGroup": "atlas-test-reports"}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", `resource "aws_athena_workgroup" "reports"`, `resource "aws_athena_workgroup" "queries"`),
			appendTo("moved.tf", "moved {\n  from = aws_athena_workgroup.reports\n  to   = aws_athena_workgroup.queries\n}\n"),
		},
		Want: []Verdict{deleted("aws_athena_workgroup.queries")},
		Note: "Deletion follows the move too.",
	},
	{
		Name: "moved-count-to-for-each", Class: "moved", Stack: "features",
		Edits: []Edit{
			replaceIn("compute.tf", "  count = var.worker_count\n", "  for_each = toset([\"0\", \"1\"])\n"),
			replaceIn("compute.tf", "    index   = count.index\n", "    index   = each.key\n"),
			replaceIn("compute.tf", "worker-${count.index}\"", "worker-${each.key}\""),
			replaceIn("compute.tf", "aws_instance.worker[0].availability_zone", "aws_instance.worker[\"0\"].availability_zone"),
			replaceIn("compute.tf", "aws_instance.worker[0].id", "aws_instance.worker[\"0\"].id"),
			appendTo("moved.tf", "moved {\n  from = aws_instance.worker[0]\n  to   = aws_instance.worker[\"0\"]\n}\n\nmoved {\n  from = aws_instance.worker[1]\n  to   = aws_instance.worker[\"1\"]\n}\n"),
		},
		Note: "The number 0 and the string \"0\" are different keys.",
	},
	{
		Name: "moved-count-to-for-each-and-drift", Class: "moved", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_instance.worker[1].id}"}, "Tags": List{Params{"Key": "Name", "Value": "mine"}}}),
		},
		Edits: []Edit{
			replaceIn("compute.tf", "  count = var.worker_count\n", "  for_each = toset([\"0\", \"1\"])\n"),
			replaceIn("compute.tf", "    index   = count.index\n", "    index   = each.key\n"),
			replaceIn("compute.tf", "worker-${count.index}\"", "worker-${each.key}\""),
			replaceIn("compute.tf", "aws_instance.worker[0].availability_zone", "aws_instance.worker[\"0\"].availability_zone"),
			replaceIn("compute.tf", "aws_instance.worker[0].id", "aws_instance.worker[\"0\"].id"),
			appendTo("moved.tf", "moved {\n  from = aws_instance.worker[0]\n  to   = aws_instance.worker[\"0\"]\n}\n\nmoved {\n  from = aws_instance.worker[1]\n  to   = aws_instance.worker[\"1\"]\n}\n"),
		},
		Want: []Verdict{modified(`aws_instance.worker["1"]`, `tags["Name"]`, `tags_all["Name"]`)},
		Note: "With the source of the new key.",
	},
	{
		Name: "moved-into-module-and-drift", Class: "moved", Stack: "features",
		Calls: []lab.Call{
			Call("efs", "put_lifecycle_configuration", Params{"FileSystemId": "${aws_efs_file_system.shared.id}", "LifecyclePolicies": List{Params{"TransitionToIA": "AFTER_90_DAYS"}}}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", `resource "aws_efs_file_system" "shared" {
  creation_token = "${local.prefix}-shared"
  encrypted      = true

  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }

  tags = {
    Name = "${local.prefix}-shared"
  }
}
`, `moved {
  from = aws_efs_file_system.shared
  to   = module.replica.aws_efs_file_system.shared
}
`),
			appendTo("modules/replica/main.tf", `
resource "aws_efs_file_system" "shared" {
  provider = aws.home

  creation_token = replace(var.name, "replica", "shared")
  encrypted      = true

  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }

  tags = {
    Name = replace(var.name, "replica", "shared")
  }
}
`),
		},
		Want: []Verdict{modified("module.replica.aws_efs_file_system.shared", "lifecycle_policy[0].transition_to_ia")},
		Note: "The module names its provider otherwise than the state's entry does; it is the same configuration.",
	},
	{
		Name: "moved-by-adding-count", Class: "moved", Stack: "features",
		Calls: []lab.Call{
			Call("cloudwatch", "put_dashboard", Params{"DashboardName": "atlas-test", "DashboardBody": `{"widgets":[]}`}),
		},
		Edits: []Edit{
			replaceIn("observability.tf", "  dashboard_name = local.prefix\n", "  count = 1\n\n  dashboard_name = local.prefix\n"),
		},
		Want: []Verdict{modified("aws_cloudwatch_dashboard.main[0]", "dashboard_body")},
		Note: "No moved block: Terraform takes the instance without a key for number 0 by itself.",
	},
	{
		Name: "moved-by-removing-count", Class: "moved", Stack: "features",
		Edits: []Edit{
			replaceIn("modules/queue/main.tf", "  count = length(var.senders) > 0 ? 1 : 0\n\n", ""),
		},
		Calls: []lab.Call{
			setQueue("mail", Params{"Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"Senders","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}]}`}),
		},
		Want:    []Verdict{modified(`module.queue["mail"].aws_sqs_queue_policy.this`, "policy")},
		Pending: []string{"module.away_queue.aws_sqs_queue_policy.this"},
		Note:    "And the other way round, in every instance of a module; the third one gets a policy for the first time.",
	},
	{
		Name: "moved-module-to-key-and-drift", Class: "moved", Stack: "features",
		Calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", Params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": Params{"DelaySeconds": "9"}}),
		},
		Edits: []Edit{
			replaceIn("messaging.tf", "module \"away_queue\" {\n  source = \"./modules/queue\"\n", "module \"away_queue\" {\n  source   = \"./modules/queue\"\n  for_each = toset([\"only\"])\n"),
			replaceIn("outputs.tf", "module.away_queue.url", "module.away_queue[\"only\"].url"),
			appendTo("moved.tf", "moved {\n  from = module.away_queue\n  to   = module.away_queue[\"only\"]\n}\n"),
		},
		Want: []Verdict{modified(`module.away_queue["only"].aws_sqs_queue.this`, "delay_seconds")},
		Note: "A whole module's instances move.",
	},

	// In the state, no longer in the code.
	{
		Name: "orphan-changed", Class: "orphan", Stack: "features",
		Calls: []lab.Call{
			Call("athena", "tag_resource", Params{"ResourceARN": "${aws_athena_workgroup.reports.arn}", "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", athenaSource, ""),
		},
		Pending: []string{"aws_athena_workgroup.reports"},
		Note:    "Apply would destroy it: nothing would be put back.",
	},
	{
		Name: "orphan-deleted", Class: "orphan", Stack: "features",
		Calls: []lab.Call{
			Call("athena", "delete_work_group", Params{"WorkGroup": "atlas-test-reports"}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", athenaSource, ""),
		},
		Want: []Verdict{deleted("aws_athena_workgroup.reports")},
		Note: "Gone before the code's change was applied.",
	},
	{
		Name: "orphan-by-for-each", Class: "orphan", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/page_size", "Description": "by hand", "Type": "String", "Value": "500", "Overwrite": true}),
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/log_level", "Description": "by hand", "Type": "String", "Value": "info", "Overwrite": true}),
		},
		Edits: []Edit{
			replaceIn("team.auto.tfvars", "  page_size = \"50\"\n", ""),
		},
		Want:    []Verdict{modified(`aws_ssm_parameter.setting["log_level"]`, "description")},
		Pending: []string{`aws_ssm_parameter.setting["page_size"]`, "aws_ecs_task_definition.app"},
		Note:    "One key is no longer in the map, the other still is.",
	},

	{
		Name: "orphan-by-count", Class: "orphan", Stack: "features",
		Calls: []lab.Call{
			Call("ec2", "create_tags", Params{"Resources": List{"${aws_instance.worker[0].id}", "${aws_instance.worker[1].id}"}, "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Edits: []Edit{
			appendTo("z.auto.tfvars", "worker_count = 1\n"),
		},
		Want:    []Verdict{modified("aws_instance.worker[0]", `tags["rogue"]`, `tags_all["rogue"]`)},
		Pending: []string{"aws_instance.worker[1]"},
		Note:    "The same tag on both: the second is about to be destroyed, by a tfvars file that is new.",
	},
	{
		Name: "orphan-module-changed", Class: "orphan", Stack: "features",
		Calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", Params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": Params{"VisibilityTimeout": "45"}}),
		},
		Edits: []Edit{
			replaceIn("messaging.tf", awayQueueSource, ""),
			replaceIn("outputs.tf", "output \"away_queue_url\" {\n  value = module.away_queue.url\n}\n", ""),
		},
		Pending: []string{"module.away_queue.aws_sqs_queue.this"},
		Note:    "The whole module call is gone, and with it the mapping of its provider: the state's entry names the provider.",
	},
	{
		Name: "orphan-module-deleted", Class: "orphan", Stack: "features",
		Calls: []lab.Call{
			callWest("sqs", "delete_queue", Params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}"}),
		},
		Edits: []Edit{
			replaceIn("messaging.tf", awayQueueSource, ""),
			replaceIn("outputs.tf", "output \"away_queue_url\" {\n  value = module.away_queue.url\n}\n", ""),
		},
		Want: []Verdict{deleted("module.away_queue.aws_sqs_queue.this")},
		Note: "Asked in the right region, or it would look deleted anyway.",
	},
	{
		Name: "not-in-the-state", Class: "orphan", Stack: "features",
		Terraform: []string{"state", "rm", "aws_athena_workgroup.reports"},
		Calls: []lab.Call{
			Call("athena", "tag_resource", Params{"ResourceARN": "arn:aws:athena:us-east-1:123456789012:workgroup/atlas-test-reports", "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Pending: []string{"aws_athena_workgroup.reports"},
		Note:    "The reverse: in the code, no longer in the state.",
	},

	// removed blocks.
	{
		Name: "removed-block", Class: "removed", Stack: "features",
		Calls: []lab.Call{
			Call("athena", "tag_resource", Params{"ResourceARN": "${aws_athena_workgroup.reports.arn}", "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", athenaSource, "removed {\n  from = aws_athena_workgroup.reports\n\n  lifecycle {\n    destroy = false\n  }\n}\n"),
		},
		Pending: []string{"aws_athena_workgroup.reports"},
		Note:    "The code is about to let go of it.",
	},
	{
		Name: "removed-block-deleted", Class: "removed", Stack: "features",
		Calls: []lab.Call{
			Call("athena", "delete_work_group", Params{"WorkGroup": "atlas-test-reports"}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", athenaSource, "removed {\n  from = aws_athena_workgroup.reports\n\n  lifecycle {\n    destroy = false\n  }\n}\n"),
		},
		Pending: []string{"aws_athena_workgroup.reports"},
		Note:    "The code has let go of it, so its end is nobody's drift.",
	},
	{
		Name: "removed-block-beside-drift", Class: "removed", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 30}),
		},
		Edits: []Edit{
			replaceIn("storage.tf", athenaSource, "removed {\n  from = aws_athena_workgroup.reports\n\n  lifecycle {\n    destroy = true\n  }\n}\n"),
		},
		Want:    []Verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		Pending: []string{"aws_athena_workgroup.reports"},
		Note:    "The rest of the stack is checked as always.",
	},

	// import blocks.
	{
		Name: "import-block", Class: "import", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "create_topic", Params{"Name": "atlas-test-legacy", "Attributes": Params{"DisplayName": "by hand"}}),
		},
		Edits: []Edit{
			appendTo("import.tf", "import {\n  to = aws_sns_topic.legacy\n  id = \"arn:aws:sns:us-east-1:123456789012:atlas-test-legacy\"\n}\n\nresource \"aws_sns_topic\" \"legacy\" {\n  name         = \"atlas-test-legacy\"\n  display_name = \"from the code\"\n}\n"),
		},
		Pending: []string{"aws_sns_topic.legacy"},
		Note:    "Not in the state yet: it can't have drifted.",
	},
	{
		Name: "import-block-applied", Class: "import", Stack: "features",
		Calls: []lab.Call{
			Call("sns", "set_topic_attributes", Params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "DisplayName", "AttributeValue": "by hand"}),
		},
		Edits: []Edit{
			appendTo("import.tf", "import {\n  to = aws_sns_topic.events\n  id = \"arn:aws:sns:us-east-1:123456789012:atlas-test-events\"\n}\n"),
		},
		Want: []Verdict{modified("aws_sns_topic.events", "display_name")},
		Note: "Already in the state: the block has done its work and says nothing any more.",
	},

	// Values that must never be shown.
	{
		Name: "password-changed", Class: "sensitive", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/database-password", "Type": "SecureString", "Value": "not-a-real-password-0002", "Overwrite": true}),
		},
		Want: []Verdict{modified("aws_ssm_parameter.database_password", "value").hiding("value")},
		Note: "Sensitive by the schema and by the variable. version differs too and can't be set.",
	},
	{
		Name: "setting-changed", Class: "sensitive", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/page_size", "Description": "Setting Page Size", "Type": "String", "Value": "500", "Overwrite": true}),
		},
		Want: []Verdict{modified(`aws_ssm_parameter.setting["page_size"]`, "value").hiding("value")},
		Note: "Sensitive by the schema only: the parameter is an ordinary string, and hidden all the same.",
	},
	{
		Name: "target-input-changed", Class: "sensitive", Stack: "features",
		Calls: []lab.Call{
			Call("events", "put_targets", Params{"Rule": "atlas-test-nightly", "Targets": List{Params{"Id": "mail", "Arn": `${module.queue["mail"].aws_sqs_queue.this.arn}`, "Input": `{"task":"cleanup","token":"not-a-real-token-0002"}`}}}),
		},
		Want: []Verdict{modified("aws_cloudwatch_event_target.nightly", "input").hiding("input")},
		Note: "Sensitive by the source only: a sensitive variable inside jsonencode. The state lists the path.",
	},
	{
		Name: "secret-value-put", Class: "sensitive", Stack: "features",
		Calls: []lab.Call{
			Call("secretsmanager", "put_secret_value", Params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "SecretString": `{"token":"not-a-real-token-0002"}`}),
		},
		Observed: []Observation{seen("aws_secretsmanager_secret_version.api", "version_stages")},
		Note:     "The resource is one version of the secret, by id, and that version never changes; only its stage does, which the source doesn't set. A plan can't see the new value.",
	},
	{
		Name: "write-only-value-changed", Class: "sensitive", Stack: "features",
		Calls: []lab.Call{
			Call("ssm", "put_parameter", Params{"Name": "/atlas-test/session-key", "Type": "SecureString", "Value": "not-a-real-token-0002", "Overwrite": true}),
		},
		Observed: []Observation{seen("aws_ssm_parameter.session_key", "version")},
		Note:     "A write-only argument is never stored, so nothing can be compared: only the version shows that somebody wrote.",
	},

	// Several resources.
	{
		Name: "two-resources", Class: "multiple", Stack: "features",
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 1}),
			Call("iam", "untag_user", Params{"UserName": "atlas-test-grace", "TagKeys": List{"login"}}),
		},
		Want: []Verdict{
			modified("aws_cloudwatch_log_group.app", "retention_in_days"),
			modified(`aws_iam_user.operator["grace"]`, `tags["login"]`, `tags_all["login"]`),
		},
		Note: "Two findings, no more.",
	},
	{
		Name: "changed-and-deleted", Class: "multiple", Stack: "features",
		Calls: []lab.Call{
			Call("cloudwatch", "delete_dashboards", Params{"DashboardNames": List{"atlas-test"}}),
			Call("ecr", "put_image_tag_mutability", Params{"repositoryName": "atlas-test/app", "imageTagMutability": "MUTABLE"}),
			callWest("sqs", "set_queue_attributes", Params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": Params{"DelaySeconds": "9"}}),
			Call("ec2", "modify_vpc_attribute", Params{"VpcId": "${aws_vpc.main.id}", "EnableNetworkAddressUsageMetrics": Params{"Value": true}}),
		},
		Want: []Verdict{
			deleted("aws_cloudwatch_dashboard.main"),
			modified("aws_ecr_repository.app", "image_tag_mutability"),
			modified("module.away_queue.aws_sqs_queue.this", "delay_seconds"),
		},
		Observed: []Observation{seen("aws_vpc.main", "enable_network_address_usage_metrics")},
		Note:     "One of each kind, two regions, and one that is only observed.",
	},
	{
		Name: "disjoint-attributes-of-one-resource", Class: "multiple", Stack: "features",
		Calls: []lab.Call{
			Call("elbv2", "modify_target_group", Params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 60}),
			Call("elbv2", "modify_target_group_attributes", Params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "Attributes": List{Params{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}, Params{"Key": "stickiness.enabled", "Value": "true"}}}),
			Call("elbv2", "add_tags", Params{"ResourceArns": List{"${aws_lb_target_group.web.arn}"}, "Tags": List{Params{"Key": "rogue", "Value": "yes"}}}),
		},
		Want: []Verdict{modified("aws_lb_target_group.web", "deregistration_delay", "health_check[0].path", `tags["rogue"]`, `tags_all["rogue"]`)},
		Note: "A default, a nested attribute and a tag count; an ignored attribute and a computed block don't.",
	},

	// Tainted.
	{
		Name: "tainted", Class: "tainted", Stack: "features",
		Terraform: []string{"taint", "aws_sns_topic.events"},
		Pending:   []string{"aws_sns_topic.events"},
		Note:      "A plan replaces it, and every computed attribute becomes unknown; its policy differs from what was applied, because a sibling owns it. None of that is drift.",
	},
	{
		Name: "tainted-and-drift", Class: "tainted", Stack: "features",
		Terraform: []string{"taint", "aws_cloudwatch_log_group.app"},
		Calls: []lab.Call{
			Call("logs", "put_retention_policy", Params{"logGroupName": "/atlas-test/app", "retentionInDays": 1}),
		},
		Want:    []Verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		Pending: []string{"aws_cloudwatch_log_group.app"},
		Note:    "Checked like any other.",
	},
	{
		Name: "tainted-and-deleted", Class: "tainted", Stack: "features",
		Terraform: []string{"taint", "aws_cloudwatch_dashboard.main"},
		Calls: []lab.Call{
			Call("cloudwatch", "delete_dashboards", Params{"DashboardNames": List{"atlas-test"}}),
		},
		Want: []Verdict{deleted("aws_cloudwatch_dashboard.main")},
		Note: "Deletion counts here too.",
	},
}

// notOneOfTheDefaultTags is a limit of the provider that the rule inherits: it
// reads with today's provider configuration, and reports as a resource's own every
// tag that is no longer equal to a default tag. tags then differs from what was
// applied, and the source would take the tag away. tags_all knows better.
const notOneOfTheDefaultTags = "the provider reads yesterday's default tag as the resource's own tag, on every resource"

// athenaSource is the one resource of the features stack that nothing refers to
// and that stands last in its file.
const athenaSource = `resource "aws_athena_workgroup" "reports" {
  name = "${local.prefix}-reports"

  configuration {
    bytes_scanned_cutoff_per_query  = 100000000
    enforce_workgroup_configuration = true

    result_configuration {
      output_location = "s3://${aws_s3_bucket.data.bucket}/reports/"
    }
  }
}
`

// awayQueueSource is the call of the one module that only an output refers to.
const awayQueueSource = `module "away_queue" {
  source = "./modules/queue"

  name = "${local.prefix}-away"
  tags = local.common_tags

  providers = {
    aws = aws.west
  }
}
`

// elsewhere is another function than the device-tokens stack's.
const elsewhere = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:elsewhere/invocations"
