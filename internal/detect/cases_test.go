package detect_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/lab"
)

// A testCase is one change to a freshly applied stack, and the verdict that
// Holdfast must give on it. The verdicts were written by hand from what AWS and
// the provider do, then compared with `terraform plan`; where the hand was wrong
// the note says so.
type testCase struct {
	name  string
	class string // one of classes
	stack string // "features" or "device-tokens"

	terraform []string     // arguments of one terraform command, run first
	calls     []lab.Call   // then what somebody does by hand; see call below
	edits     []sourceEdit // and what somebody writes into the code without applying it

	want     []verdict     // the findings, all of them, in any order
	observed []observation // must be among what is observed, each with exactly these paths
	adopted  []observation // must be among what is adopted, each with exactly these paths
	pending  []string      // addresses that must be among what is pending

	// refreshOnly is how many drifted resources `terraform plan -refresh-only`
	// lists here, all of them noise. Set in the controls.
	refreshOnly int

	// beyondPlan says why `terraform plan`, read by the rule of the design (what
	// differs both in resource_drift and in resource_changes), is wrong here, and
	// agrees only without what SameInWhole (package verdict) leaves out. Empty in
	// nearly all cases: the rule gives this very verdict.
	beyondPlan string

	alone bool // it touches too much to share a plan with others

	note string // why the verdict is this one
}

// A verdict is one expected finding. For a `moved` block that is not applied yet,
// the address is the new one, as in a plan.
//
// Paths are Terraform's notation, at the depth where the two values part: a map's
// keys and a list's elements have paths of their own (null is an empty one), and a
// key or element that only one side has is one path. A set is one path.
type verdict struct {
	address   string
	kind      string // "modified" or "deleted"
	paths     []string
	sensitive []string // those of paths whose values must not be shown
	replace   []string // those of paths for which a revert replaces the resource
}

// An observation is a live value that differs from the last-applied one without
// being drift, because a plan would not put it back.
type observation struct {
	address string
	paths   []string
}

// A sourceEdit changes one file of the stack: it replaces old, which occurs in it
// exactly once, or appends text to it, creating it where it doesn't exist.
type sourceEdit struct {
	file     string // slash-separated, relative to the stack's folder
	old, new string
	text     string
}

// Names of the classes, each with what it is about.
var classes = map[string]string{
	"adopted":    "the code was edited to say what is live",
	"computed":   "optional and computed, set by the source (counts) or not (does not)",
	"control":    "nothing was changed",
	"deletion":   "something was deleted",
	"dynamic":    "dynamic blocks, with elements and without",
	"evaluation": "the verdict depends on evaluating the source right",
	"ignore":     "lifecycle ignore_changes",
	"import":     "import blocks",
	"json":       "JSON in strings, rewritten or really changed",
	"module":     "resources in modules",
	"moved":      "moved blocks and implied moves, not applied yet",
	"multiple":   "several resources changed",
	"nested":     "nested blocks",
	"noise":      "ordinary use, which is not drift",
	"orphan":     "in the state, no longer in the code",
	"pending":    "code changed and not applied, with and without drift",
	"plain":      "plain attributes",
	"region":     "the second region, through a provider alias",
	"removed":    "removed blocks",
	"sensitive":  "values that must never be shown",
	"sets":       "sets, and sets of blocks",
	"state-func": "attributes the state keeps as a hash",
	"tags":       "tags and default tags",
	"tainted":    "tainted resources",
	"unset":      "the source doesn't set it, or sets it to null",
}

type params = map[string]any

type list = []any

// call is an AWS API call as boto3 spells it, in the stack's own region. Strings
// anywhere in p may hold placeholders: ${ADDRESS.PATH} stands for that value in the
// state, where ADDRESS is a resource instance's whole address and PATH an
// attribute's name, or a path such as root_block_device[0].volume_id.
func call(service, method string, p params) lab.Call {
	return lab.Call{Service: service, Method: method, Region: "us-east-1", Params: p}
}

func callWest(service, method string, p params) lab.Call {
	return lab.Call{Service: service, Method: method, Region: "us-west-2", Params: p}
}

// setQueue sets attributes of one of module.queue's queues. It sends the policy
// along, because the emulator forgets it otherwise; AWS does not.
func setQueue(key string, attributes params) lab.Call {
	module := fmt.Sprintf("module.queue[%q]", key)
	all := params{"Policy": "${" + module + ".aws_sqs_queue_policy.this[0].policy}"}
	maps.Copy(all, attributes)
	return call("sqs", "set_queue_attributes", params{"QueueUrl": "${" + module + ".aws_sqs_queue.this.url}", "Attributes": all})
}

// encoded is a script as ModifyInstanceAttribute takes it from boto3 here: the
// emulator decodes what boto3 has encoded, and wants it encoded still.
func encoded(script string) string {
	return base64.StdEncoding.EncodeToString([]byte(script))
}

func replaceIn(file, old, with string) sourceEdit {
	return sourceEdit{file: file, old: old, new: with}
}

func appendTo(file, text string) sourceEdit {
	return sourceEdit{file: file, text: text}
}

func modified(address string, paths ...string) verdict {
	return verdict{address: address, kind: "modified", paths: paths}
}

func deleted(address string) verdict {
	return verdict{address: address, kind: "deleted"}
}

func (v verdict) hiding(paths ...string) verdict {
	v.sensitive = paths
	return v
}

func (v verdict) replacing(paths ...string) verdict {
	v.replace = paths
	return v
}

func seen(address string, paths ...string) observation {
	return observation{address: address, paths: paths}
}

var cases = slices.Concat(featuresCases, deviceTokensCases)

var featuresCases = []testCase{
	// Nothing changed.
	{
		name: "features-untouched", class: "control", stack: "features",
		refreshOnly: 31,
		note:        "Fresh from apply. What refresh-only lists is null against empty, values that a sibling resource owns, and values the API rewrites.",
	},
	{
		name: "features-untouched-defaults-spelled-out", class: "control", stack: "features",
		calls: []lab.Call{
			call("events", "enable_rule", params{"Name": "atlas-test-nightly"}),
			setQueue("orders", params{"VisibilityTimeout": "60"}),
		},
		refreshOnly: 31,
		note:        "Calls that write the values which are already there.",
	},

	// Ordinary use.
	{
		name: "queue-used", class: "noise", stack: "features",
		calls: []lab.Call{
			call("sqs", "send_message", params{"QueueUrl": `${module.queue["orders"].aws_sqs_queue.this.url}`, "MessageBody": "an order"}),
			call("logs", "create_log_stream", params{"logGroupName": "/atlas-test/app", "logStreamName": "2026/11/01"}),
			call("sns", "publish", params{"TopicArn": "${aws_sns_topic.events.arn}", "Message": "an event"}),
			call("s3", "put_object", params{"Bucket": "${aws_s3_bucket.data.bucket}", "Key": "drafts/1", "Body": "a draft"}),
		},
		note: "Data goes in and out; no resource changes.",
	},
	{
		name: "worker-stopped", class: "noise", stack: "features",
		calls: []lab.Call{
			call("ec2", "stop_instances", params{"InstanceIds": list{"${aws_instance.worker[1].id}"}}),
		},
		observed: []observation{seen("aws_instance.worker[1]", "instance_state")},
		note:     "Whether an instance runs is only reported: no argument sets it.",
	},
	{
		name: "unmanaged-things-appear", class: "noise", stack: "features",
		calls: []lab.Call{
			call("logs", "create_log_group", params{"logGroupName": "/atlas-test/audit"}),
			call("sns", "create_topic", params{"Name": "atlas-test-unmanaged"}),
			call("ssm", "put_parameter", params{"Name": "/atlas-test/unmanaged", "Type": "String", "Value": "x"}),
		},
		note: "Never in the state. The log group even has the name of a resource whose count is 0.",
	},

	// Plain attributes.
	{
		name: "rule-schedule", class: "plain", stack: "features",
		calls: []lab.Call{
			call("events", "put_rule", params{"Name": "atlas-test-nightly", "Description": "Cleans up at night", "ScheduleExpression": "cron(0 5 * * ? *)", "State": "ENABLED"}),
		},
		want: []verdict{modified("aws_cloudwatch_event_rule.nightly", "schedule_expression")},
		note: "One string attribute that the source sets.",
	},
	{
		name: "record-ttl", class: "plain", stack: "features",
		calls: []lab.Call{
			call("route53", "change_resource_record_sets", params{
				"HostedZoneId": "${aws_route53_zone.main.zone_id}",
				"ChangeBatch": params{"Changes": list{params{"Action": "UPSERT", "ResourceRecordSet": params{
					"Name": "app.atlas.example", "Type": "A", "TTL": 60,
					"ResourceRecords": list{params{"Value": "10.20.1.10"}, params{"Value": "10.20.1.11"}},
				}}}},
			}),
		},
		want: []verdict{modified("aws_route53_record.app", "ttl")},
		note: "A number.",
	},
	{
		name: "log-retention", class: "plain", stack: "features",
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 30}),
		},
		want: []verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		note: "Set through a variable.",
	},
	{
		name: "log-retention-taken-away", class: "plain", stack: "features",
		calls: []lab.Call{
			call("logs", "delete_retention_policy", params{"logGroupName": "/atlas-test/app"}),
		},
		want: []verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		note: "Live is 0 now, meaning for ever: 0 is a value, not an absence.",
	},
	{
		name: "role-description", class: "plain", stack: "features",
		calls: []lab.Call{
			call("iam", "update_role_description", params{"RoleName": "atlas-test-worker", "Description": "edited in the console"}),
		},
		want: []verdict{modified("aws_iam_role.worker", "description")},
		note: "A string with a reference in it.",
	},
	{
		name: "topic-display-name-emptied", class: "plain", stack: "features",
		calls: []lab.Call{
			call("sns", "set_topic_attributes", params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "DisplayName", "AttributeValue": ""}),
		},
		want: []verdict{modified("aws_sns_topic.events", "display_name")},
		note: "An empty string is not null: only zero-length collections are.",
	},
	{
		name: "public-access-opened", class: "plain", stack: "features",
		calls: []lab.Call{
			call("s3", "put_public_access_block", params{"Bucket": "${aws_s3_bucket.data.bucket}", "PublicAccessBlockConfiguration": params{
				"BlockPublicAcls": true, "BlockPublicPolicy": false, "IgnorePublicAcls": true, "RestrictPublicBuckets": false,
			}}),
		},
		want: []verdict{modified("aws_s3_bucket_public_access_block.data", "block_public_policy", "restrict_public_buckets")},
		note: "Two of four booleans; false is a value.",
	},
	{
		name: "subnet-public-addresses-off", class: "plain", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_subnet_attribute", params{"SubnetId": `${aws_subnet.this["front"].id}`, "MapPublicIpOnLaunch": params{"Value": false}}),
		},
		want: []verdict{modified(`aws_subnet.this["front"]`, "map_public_ip_on_launch")},
		note: "A boolean from an object variable, by for_each key.",
	},
	{
		name: "group-size", class: "plain", stack: "features",
		calls: []lab.Call{
			call("autoscaling", "update_auto_scaling_group", params{"AutoScalingGroupName": "atlas-test-app", "MinSize": 1, "MaxSize": 10}),
		},
		want: []verdict{modified("aws_autoscaling_group.app", "max_size", "min_size")},
		note: "Two numbers. The emulator raises the desired capacity too, which the source ignores.",
	},
	{
		name: "subscription-wrapped", class: "plain", stack: "features",
		calls: []lab.Call{
			call("sns", "set_subscription_attributes", params{"SubscriptionArn": "${aws_sns_topic_subscription.orders.arn}", "AttributeName": "RawMessageDelivery", "AttributeValue": "false"}),
		},
		want: []verdict{modified("aws_sns_topic_subscription.orders", "raw_message_delivery")},
		note: "A boolean that the API keeps as a string.",
	},
	{
		name: "images-mutable", class: "plain", stack: "features",
		calls: []lab.Call{
			call("ecr", "put_image_tag_mutability", params{"repositoryName": "atlas-test/app", "imageTagMutability": "MUTABLE"}),
		},
		want: []verdict{modified("aws_ecr_repository.app", "image_tag_mutability")},
		note: "Back to the API's default, which is not the source's value.",
	},
	{
		name: "metric-filter-pattern", class: "plain", stack: "features",
		calls: []lab.Call{
			call("logs", "delete_metric_filter", params{"logGroupName": "/atlas-test/app", "filterName": "atlas-test-errors"}),
			call("logs", "put_metric_filter", params{
				"logGroupName": "/atlas-test/app", "filterName": "atlas-test-errors", "filterPattern": "?ERROR ?WARN",
				"metricTransformations": list{params{"metricName": "Errors", "metricNamespace": "Atlas", "metricValue": "1", "defaultValue": 0, "unit": "None"}},
			}),
		},
		want: []verdict{modified("aws_cloudwatch_log_metric_filter.errors", "pattern")},
		note: "The block beside it stays the same. Deleted first only because the emulator keeps the old filter beside the new one.",
	},
	{
		name: "secret-description", class: "plain", stack: "features",
		calls: []lab.Call{
			call("secretsmanager", "update_secret", params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "Description": "for the new partner"}),
		},
		want: []verdict{modified("aws_secretsmanager_secret.api", "description")},
		note: "About the secret, not the secret: shown in full.",
	},
	{
		name: "rule-source-address", class: "plain", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_security_group_rules", params{"GroupId": "${aws_security_group.data.id}", "SecurityGroupRules": list{params{
				"SecurityGroupRuleId": "${aws_vpc_security_group_ingress_rule.data_admin.security_group_rule_id}",
				"SecurityGroupRule":   params{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0", "Description": "Administration"},
			}}}),
		},
		want: []verdict{modified("aws_vpc_security_group_ingress_rule.data_admin", "cidr_ipv4")},
		note: "A resource of the plugin framework. The group's own ingress changes too, but its source doesn't set it.",
	},
	{
		name: "token-validity", class: "plain", stack: "features",
		calls: []lab.Call{
			call("cognito-idp", "update_user_pool_client", params{
				"UserPoolId": "${aws_cognito_user_pool.customers.id}", "ClientId": "${aws_cognito_user_pool_client.site.id}",
				"ClientName": "atlas-test-site", "RefreshTokenValidity": 30, "AccessTokenValidity": 1440,
				"TokenValidityUnits":    params{"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"},
				"ExplicitAuthFlows":     list{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"},
				"EnableTokenRevocation": true, "AuthSessionValidity": 3,
			}),
		},
		want: []verdict{modified("aws_cognito_user_pool_client.site", "access_token_validity")},
		note: "Another resource of the plugin framework, with a block that stays the same.",
	},

	// Sets, and sets of blocks.
	{
		name: "record-addresses", class: "sets", stack: "features",
		calls: []lab.Call{
			call("route53", "change_resource_record_sets", params{
				"HostedZoneId": "${aws_route53_zone.main.zone_id}",
				"ChangeBatch": params{"Changes": list{params{"Action": "UPSERT", "ResourceRecordSet": params{
					"Name": "app.atlas.example", "Type": "A", "TTL": 300,
					"ResourceRecords": list{params{"Value": "10.20.1.10"}, params{"Value": "10.99.0.1"}},
				}}}},
			}),
		},
		want: []verdict{modified("aws_route53_record.app", "records")},
		note: "A set is one path, whichever element changed.",
	},
	{
		name: "record-addresses-reordered", class: "sets", stack: "features",
		calls: []lab.Call{
			call("route53", "change_resource_record_sets", params{
				"HostedZoneId": "${aws_route53_zone.main.zone_id}",
				"ChangeBatch": params{"Changes": list{params{"Action": "UPSERT", "ResourceRecordSet": params{
					"Name": "app.atlas.example", "Type": "A", "TTL": 300,
					"ResourceRecords": list{params{"Value": "10.20.1.11"}, params{"Value": "10.20.1.10"}},
				}}}},
			}),
		},
		note: "A set has no order.",
	},
	{
		name: "group-member-removed", class: "sets", stack: "features",
		calls: []lab.Call{
			call("iam", "remove_user_from_group", params{"GroupName": "atlas-test-operators", "UserName": "atlas-test-grace"}),
		},
		want: []verdict{modified("aws_iam_group_membership.operators", "users")},
		note: "A set built by a for expression over other resources.",
	},
	{
		name: "group-member-added", class: "sets", stack: "features",
		calls: []lab.Call{
			call("iam", "create_user", params{"UserName": "mallory"}),
			call("iam", "add_user_to_group", params{"GroupName": "atlas-test-operators", "UserName": "mallory"}),
		},
		want: []verdict{modified("aws_iam_group_membership.operators", "users")},
		note: "The membership owns the whole list of the group's users.",
	},
	{
		name: "security-group-rule-added", class: "sets", stack: "features",
		calls: []lab.Call{
			call("ec2", "authorize_security_group_ingress", params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": list{
				params{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": list{params{"CidrIp": "0.0.0.0/0", "Description": "temporary"}}},
			}}),
		},
		want: []verdict{modified("aws_security_group.web", "ingress")},
		note: "The classic: a port opened by hand. ingress is a set of objects (attribute as blocks), so one path.",
	},
	{
		name: "security-group-egress-revoked", class: "sets", stack: "features",
		calls: []lab.Call{
			call("ec2", "revoke_security_group_egress", params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": list{
				params{"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "IpRanges": list{params{"CidrIp": "0.0.0.0/0"}}},
			}}),
		},
		want: []verdict{modified("aws_security_group.web", "egress")},
		note: "The set's only element is gone.",
	},
	{
		name: "cluster-setting", class: "sets", stack: "features",
		calls: []lab.Call{
			call("ecs", "update_cluster", params{"cluster": "atlas-test", "settings": list{params{"name": "containerInsights", "value": "disabled"}}}),
		},
		want: []verdict{modified("aws_ecs_cluster.main", "setting")},
		note: "A set of blocks.",
	},
	{
		name: "bucket-encryption", class: "sets", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_encryption", params{"Bucket": "${aws_s3_bucket.data.bucket}", "ServerSideEncryptionConfiguration": params{"Rules": list{
				params{"ApplyServerSideEncryptionByDefault": params{"SSEAlgorithm": "aws:kms"}},
			}}}),
		},
		want: []verdict{modified("aws_s3_bucket_server_side_encryption_configuration.data", "rule")},
		note: "A set of blocks with a list of blocks inside: the set is the leaf. The bucket's own copy is computed.",
	},
	{
		name: "scaling-group-tag", class: "sets", stack: "features",
		calls: []lab.Call{
			call("autoscaling", "create_or_update_tags", params{"Tags": list{params{
				"ResourceId": "atlas-test-app", "ResourceType": "auto-scaling-group", "Key": "owner", "Value": "somebody else", "PropagateAtLaunch": true,
			}}}),
		},
		want: []verdict{modified("aws_autoscaling_group.app", "tag")},
		note: "This type's tags are a set of blocks, made by a dynamic block over a map.",
	},

	// Nested blocks.
	{
		name: "bucket-versioning-suspended", class: "nested", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_versioning", params{"Bucket": "${aws_s3_bucket.data.bucket}", "VersioningConfiguration": params{"Status": "Suspended"}}),
		},
		want: []verdict{modified("aws_s3_bucket_versioning.data", "versioning_configuration[0].status")},
		note: "aws_s3_bucket.data reports versioning too, in a computed block that its source doesn't set.",
	},
	{
		name: "expiration-shortened", class: "nested", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_lifecycle_configuration", params{"Bucket": "${aws_s3_bucket.data.bucket}", "LifecycleConfiguration": params{"Rules": list{
				params{"ID": "expire-drafts", "Status": "Enabled", "Filter": params{"Prefix": "drafts/"}, "Expiration": params{"Days": 3}},
			}}}),
		},
		want: []verdict{modified("aws_s3_bucket_lifecycle_configuration.data", "rule[0].expiration[0].days")},
		note: "Two levels of blocks, plugin framework.",
	},
	{
		name: "lifecycle-rule-added", class: "nested", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_lifecycle_configuration", params{"Bucket": "${aws_s3_bucket.data.bucket}", "LifecycleConfiguration": params{"Rules": list{
				params{"ID": "expire-drafts", "Status": "Enabled", "Filter": params{"Prefix": "drafts/"}, "Expiration": params{"Days": 30}},
				params{"ID": "expire-all", "Status": "Enabled", "Filter": params{"Prefix": ""}, "Expiration": params{"Days": 1}},
			}}}),
		},
		want: []verdict{modified("aws_s3_bucket_lifecycle_configuration.data", "rule[1]")},
		note: "A block more in a list of blocks: the new element is the path.",
	},
	{
		name: "password-policy", class: "nested", stack: "features",
		calls: []lab.Call{
			call("cognito-idp", "update_user_pool", params{
				"UserPoolId": "${aws_cognito_user_pool.customers.id}", "AutoVerifiedAttributes": list{"email"}, "MfaConfiguration": "OFF", "DeletionProtection": "INACTIVE",
				"UserPoolTags": params{"environment": "test", "managed_by": "terraform"},
				"Policies":     params{"PasswordPolicy": params{"MinimumLength": 6, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": false, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7}},
			}),
		},
		want: []verdict{modified("aws_cognito_user_pool.customers", "password_policy[0].minimum_length", "password_policy[0].require_numbers")},
		note: "Two attributes of one block.",
	},
	{
		name: "file-system-archive", class: "nested", stack: "features",
		calls: []lab.Call{
			call("efs", "put_lifecycle_configuration", params{"FileSystemId": "${aws_efs_file_system.shared.id}", "LifecyclePolicies": list{params{"TransitionToIA": "AFTER_7_DAYS"}}}),
		},
		want: []verdict{modified("aws_efs_file_system.shared", "lifecycle_policy[0].transition_to_ia")},
		note: "An attribute of a block.",
	},
	{
		name: "file-system-lifecycle-removed", class: "nested", stack: "features",
		calls: []lab.Call{
			call("efs", "put_lifecycle_configuration", params{"FileSystemId": "${aws_efs_file_system.shared.id}", "LifecyclePolicies": list{}}),
		},
		want: []verdict{modified("aws_efs_file_system.shared", "lifecycle_policy[0]")},
		note: "The source produces the block, live has none.",
	},
	{
		name: "scan-on-push-off", class: "nested", stack: "features",
		calls: []lab.Call{
			call("ecr", "put_image_scanning_configuration", params{"repositoryName": "atlas-test/app", "imageScanningConfiguration": params{"scanOnPush": false}}),
		},
		want: []verdict{modified("aws_ecr_repository.app", "image_scanning_configuration[0].scan_on_push")},
		note: "A required boolean in a block, now false.",
	},
	{
		name: "template-disk-size", class: "nested", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_launch_template_version", params{
				"LaunchTemplateId": "${aws_launch_template.app.id}",
				"LaunchTemplateData": params{
					"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "UserData": "${aws_launch_template.app.user_data}",
					"BlockDeviceMappings": list{params{"DeviceName": "/dev/xvda", "Ebs": params{"VolumeSize": 200, "VolumeType": "gp3"}}},
					"TagSpecifications":   list{params{"ResourceType": "instance", "Tags": list{params{"Key": "owner", "Value": "delivery"}, params{"Key": "project", "Value": "atlas"}}}},
				},
			}),
		},
		want: []verdict{modified("aws_launch_template.app", "block_device_mappings[0].ebs[0].volume_size")},
		note: "The provider reads the latest version. latest_version differs as well, but the source can't set it; the scaling group still uses version 1, as applied.",
	},
	{
		name: "health-check-path", class: "nested", stack: "features",
		calls: []lab.Call{
			call("elbv2", "modify_target_group", params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "HealthCheckPath": "/"}),
		},
		want: []verdict{modified("aws_lb_target_group.web", "health_check[0].path")},
		note: "Optional and computed inside the block, and set by the source.",
	},
	{
		name: "root-volume-type", class: "nested", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_volume", params{"VolumeId": "${aws_instance.worker[0].root_block_device[0].volume_id}", "VolumeType": "io2"}),
		},
		want: []verdict{modified("aws_instance.worker[0]", "root_block_device[0].volume_type")},
		note: "The attribute beside it is ignored; this one is not.",
	},

	// Optional and computed.
	{
		name: "dns-hostnames-off", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_vpc_attribute", params{"VpcId": "${aws_vpc.main.id}", "EnableDnsHostnames": params{"Value": false}}),
		},
		want: []verdict{modified("aws_vpc.main", "enable_dns_hostnames")},
		note: "Optional and computed, and the source sets it.",
	},
	{
		name: "network-metrics-on", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_vpc_attribute", params{"VpcId": "${aws_vpc.main.id}", "EnableNetworkAddressUsageMetrics": params{"Value": true}}),
		},
		observed: []observation{seen("aws_vpc.main", "enable_network_address_usage_metrics")},
		note:     "Optional and computed, and the source doesn't set it: a plan keeps what is live.",
	},
	{
		name: "disk-optimisation-on", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_instance_attribute", params{"InstanceId": "${aws_instance.worker[1].id}", "EbsOptimized": params{"Value": true}}),
		},
		want: []verdict{modified("aws_instance.worker[1]", "ebs_optimized").replacing("ebs_optimized")},
		note: "Optional and computed; the source sets it to false, which is not null. A revert would replace the instance (missed by hand).",
	},
	{
		name: "termination-protection-on", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_instance_attribute", params{"InstanceId": "${aws_instance.worker[1].id}", "DisableApiTermination": params{"Value": true}}),
		},
		observed: []observation{seen("aws_instance.worker[1]", "disable_api_termination")},
		note:     "Optional and computed; the source names it, but its variable is null, so it isn't set.",
	},
	{
		name: "metadata-tokens-required", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_instance_metadata_options", params{"InstanceId": "${aws_instance.worker[1].id}", "HttpTokens": "required", "HttpEndpoint": "enabled", "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled", "HttpPutResponseHopLimit": 1}),
		},
		observed: []observation{seen("aws_instance.worker[1]", "metadata_options[0].http_tokens")},
		note:     "A block that the legacy SDK fills in by itself, and the schema doesn't say so. The source has none.",
	},
	{
		name: "rule-added-beside-rule-resources", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "authorize_security_group_ingress", params{"GroupId": "${aws_security_group.data.id}", "IpPermissions": list{
				params{"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "IpRanges": list{params{"CidrIp": "10.0.0.0/8"}}},
			}}),
		},
		observed: []observation{seen("aws_security_group.data", "ingress")},
		note:     "The group's source sets no ingress, so the provider leaves it alone, as for every group whose rules are resources. A plan can't see this rule.",
	},
	{
		name: "route-added-beside-route-resources", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_route", params{"RouteTableId": "${aws_route_table.public.id}", "DestinationCidrBlock": "172.16.0.0/12", "GatewayId": "${aws_internet_gateway.main.id}"}),
		},
		observed: []observation{seen("aws_route_table.public", "route")},
		note:     "The same with routes.",
	},
	{
		name: "policy-attached-to-role", class: "computed", stack: "features",
		calls: []lab.Call{
			call("iam", "create_policy", params{"PolicyName": "by-hand", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}),
			call("iam", "attach_role_policy", params{"RoleName": "atlas-test-worker", "PolicyArn": "arn:aws:iam::123456789012:policy/by-hand"}),
		},
		observed: []observation{seen("aws_iam_role.worker", "managed_policy_arns")},
		note:     "managed_policy_arns is computed where the source doesn't claim the whole list. Grave, and not visible to a plan: Holdfast shows it as observed.",
	},
	{
		name: "inline-policy-on-role", class: "computed", stack: "features",
		calls: []lab.Call{
			call("iam", "put_role_policy", params{"RoleName": "atlas-test-worker", "PolicyName": "by-hand", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`}),
		},
		observed: []observation{seen("aws_iam_role.worker", "inline_policy", "managed_policy_arns")},
		note:     "The same for inline_policy, a set of blocks that is computed in secret. managed_policy_arns differs without drift, because a sibling resource owns the attachment (forgotten by hand).",
	},
	{
		name: "secret-resource-policy", class: "computed", stack: "features",
		calls: []lab.Call{
			call("secretsmanager", "put_resource_policy", params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "ResourcePolicy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}`}),
		},
		observed: []observation{seen("aws_secretsmanager_secret.api", "policy")},
		note:     "Optional and computed, unset.",
	},
	{
		name: "volume-grown", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_volume", params{"VolumeId": "${aws_ebs_volume.scratch.id}", "Size": 40}),
		},
		want: []verdict{modified("aws_ebs_volume.scratch", "size")},
		note: "Optional and computed, set. The instance's list of volumes changes too and is computed.",
	},
	{
		name: "volume-faster", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_volume", params{"VolumeId": "${aws_ebs_volume.scratch.id}", "Iops": 6000}),
		},
		observed: []observation{seen("aws_ebs_volume.scratch", "iops")},
		note:     "Optional and computed, unset.",
	},
	{
		name: "gateway-detached", class: "computed", stack: "features",
		calls: []lab.Call{
			call("ec2", "detach_internet_gateway", params{"InternetGatewayId": "${aws_internet_gateway.main.id}", "VpcId": "${aws_vpc.main.id}"}),
		},
		want: []verdict{modified("aws_internet_gateway.main", "vpc_id")},
		note: "Optional and computed, set to another resource's id; live has none.",
	},

	// The source doesn't set it, or sets it to null.
	{
		name: "rule-disabled", class: "unset", stack: "features",
		calls: []lab.Call{
			call("events", "disable_rule", params{"Name": "atlas-test-nightly"}),
		},
		observed: []observation{seen("aws_cloudwatch_event_rule.nightly", "is_enabled", "state")},
		note:     "By hand: drift, since both are optional, not computed, and have defaults. A plan says otherwise: the provider suppresses the difference of each unless the source sets it.",
	},
	{
		name: "session-lengthened", class: "unset", stack: "features",
		calls: []lab.Call{
			call("iam", "update_role", params{"RoleName": "atlas-test-worker", "Description": "Worker of atlas", "MaxSessionDuration": 43200}),
		},
		want: []verdict{modified("aws_iam_role.worker", "max_session_duration")},
		note: "A conditional that comes out as null; the provider's default puts it back.",
	},
	{
		name: "queue-delay-where-null", class: "unset", stack: "features",
		calls: []lab.Call{
			setQueue("orders", params{"DelaySeconds": "30"}),
		},
		want: []verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, "delay_seconds")},
		note: "optional() in an object type gives null, passed through a module's input; the provider's default of 0 puts it back.",
	},
	{
		name: "queue-long-polling", class: "unset", stack: "features",
		calls: []lab.Call{
			setQueue("mail", params{"ReceiveMessageWaitTimeSeconds": "20"}),
		},
		want: []verdict{modified(`module.queue["mail"].aws_sqs_queue.this`, "receive_wait_time_seconds")},
		note: "Not in the source at all, but the provider has a default.",
	},
	{
		name: "queue-encryption-off", class: "unset", stack: "features",
		calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": params{"SqsManagedSseEnabled": "false"}}),
		},
		observed: []observation{seen("module.away_queue.aws_sqs_queue.this", "sqs_managed_sse_enabled")},
		note:     "Not in the source, and computed: no default, so it stays.",
	},
	{
		name: "topic-encrypted", class: "unset", stack: "features",
		calls: []lab.Call{
			call("sns", "set_topic_attributes", params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "KmsMasterKeyId", "AttributeValue": "alias/aws/sns"}),
		},
		want: []verdict{modified("aws_sns_topic.events", "kms_master_key_id")},
		note: "Optional, neither computed nor defaulted: a plan takes it away.",
	},
	{
		name: "source-check-off", class: "unset", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_instance_attribute", params{"InstanceId": "${aws_instance.worker[0].id}", "SourceDestCheck": params{"Value": false}}),
		},
		want: []verdict{modified("aws_instance.worker[0]", "source_dest_check")},
		note: "A default of true.",
	},
	{
		name: "deregistration-delay", class: "unset", stack: "features",
		calls: []lab.Call{
			call("elbv2", "modify_target_group_attributes", params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "Attributes": list{params{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}}}),
		},
		want: []verdict{modified("aws_lb_target_group.web", "deregistration_delay")},
		note: "A default of 300, as a string.",
	},
	{
		name: "stickiness-on", class: "unset", stack: "features",
		calls: []lab.Call{
			call("elbv2", "modify_target_group_attributes", params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "Attributes": list{params{"Key": "stickiness.enabled", "Value": "true"}}}),
		},
		observed: []observation{seen("aws_lb_target_group.web", "stickiness[0].enabled")},
		note:     "A computed block that the source doesn't have.",
	},
	{
		name: "processes-suspended", class: "unset", stack: "features",
		calls: []lab.Call{
			call("autoscaling", "suspend_processes", params{"AutoScalingGroupName": "atlas-test-app", "ScalingProcesses": list{"Launch", "Terminate"}}),
		},
		want: []verdict{modified("aws_autoscaling_group.app", "suspended_processes")},
		note: "An optional set that was null: null to two elements counts, null to none would not.",
	},

	// Dynamic blocks.
	{
		name: "device-memory-where-dynamic-is-empty", class: "dynamic", stack: "features",
		calls: []lab.Call{
			call("cognito-idp", "update_user_pool", params{
				"UserPoolId": "${aws_cognito_user_pool.customers.id}", "AutoVerifiedAttributes": list{"email"}, "MfaConfiguration": "OFF", "DeletionProtection": "INACTIVE",
				"UserPoolTags":        params{"environment": "test", "managed_by": "terraform"},
				"DeviceConfiguration": params{"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": true},
				"Policies":            params{"PasswordPolicy": params{"MinimumLength": 12, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7}},
			}),
		},
		want: []verdict{modified("aws_cognito_user_pool.customers", "device_configuration[0]")},
		note: "The dynamic block over an empty set produces nothing, and the block isn't computed: a plan takes it away.",
	},
	{
		name: "old-versions-expire-where-dynamic-is-empty", class: "dynamic", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_lifecycle_configuration", params{"Bucket": "${aws_s3_bucket.data.bucket}", "LifecycleConfiguration": params{"Rules": list{
				params{"ID": "expire-drafts", "Status": "Enabled", "Filter": params{"Prefix": "drafts/"}, "Expiration": params{"Days": 30}, "NoncurrentVersionExpiration": params{"NoncurrentDays": 2}},
			}}}),
		},
		want: []verdict{modified("aws_s3_bucket_lifecycle_configuration.data", "rule[0].noncurrent_version_expiration[0]")},
		note: "The same inside another block, plugin framework.",
	},
	{
		name: "dynamic-element-revoked", class: "dynamic", stack: "features",
		calls: []lab.Call{
			call("ec2", "revoke_security_group_ingress", params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": list{
				params{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": list{params{"CidrIp": "192.168.0.0/16", "Description": "TLS from inside"}}},
			}}),
		},
		want: []verdict{modified("aws_security_group.web", "ingress")},
		note: "Half of one element of a dynamic block.",
	},
	{
		name: "scaling-group-tag-removed", class: "dynamic", stack: "features",
		calls: []lab.Call{
			call("autoscaling", "delete_tags", params{"Tags": list{params{"ResourceId": "atlas-test-app", "ResourceType": "auto-scaling-group", "Key": "project", "Value": "atlas", "PropagateAtLaunch": true}}}),
		},
		want: []verdict{modified("aws_autoscaling_group.app", "tag")},
		note: "A whole element of a dynamic block over a map.",
	},

	// Evaluating the source right.
	{
		name: "instance-type-of-the-base-file", class: "evaluation", stack: "features",
		calls: []lab.Call{
			call("ec2", "stop_instances", params{"InstanceIds": list{"${aws_instance.worker[1].id}"}}),
			call("ec2", "modify_instance_attribute", params{"InstanceId": "${aws_instance.worker[1].id}", "InstanceType": params{"Value": "t3.micro"}}),
			call("ec2", "start_instances", params{"InstanceIds": list{"${aws_instance.worker[1].id}"}}),
		},
		want: []verdict{modified("aws_instance.worker[1]", "instance_type")},
		note: "t3.micro is what compute.tf says, but compute_override.tf says t3.small: drift, not adopted.",
	},
	{
		name: "log-retention-of-the-weaker-tfvars", class: "evaluation", stack: "features",
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 7}),
		},
		want: []verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		note: "7 is what terraform.tfvars says, but team.auto.tfvars comes later and says 14: drift, not adopted.",
	},
	{
		name: "owner-of-the-weaker-tfvars", class: "evaluation", stack: "features",
		calls: []lab.Call{
			callWest("ssm", "put_parameter", params{"Name": "/atlas-test-replica/region", "Description": "Shared by platform", "Type": "String", "Value": "here", "Overwrite": true}),
		},
		want: []verdict{modified("module.replica.aws_ssm_parameter.away", "description")},
		note: "The same through a module's input and a template string.",
	},

	// Tags.
	{
		name: "tag-added", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_vpc.main.id}"}, "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		want: []verdict{modified("aws_vpc.main", `tags["rogue"]`, `tags_all["rogue"]`)},
		note: "tags_all is planned from the source's tags and the default tags, so it would be put back as well.",
	},
	{
		name: "tag-changed", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{`${aws_subnet.this["back"].id}`}, "Tags": list{params{"Key": "tier", "Value": "web"}}}),
		},
		want: []verdict{modified(`aws_subnet.this["back"]`, `tags["tier"]`, `tags_all["tier"]`)},
		note: "A tag that merge() took from an optional() map.",
	},
	{
		name: "tag-removed", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ec2", "delete_tags", params{"Resources": list{"${aws_route_table.public.id}"}, "Tags": list{params{"Key": "Name"}}}),
		},
		want: []verdict{modified("aws_route_table.public", `tags["Name"]`, `tags_all["Name"]`)},
		note: "The only tag of its own; tags is empty now.",
	},
	{
		name: "tag-added-where-source-has-none", class: "tags", stack: "features",
		calls: []lab.Call{
			call("logs", "tag_resource", params{"resourceArn": "${aws_cloudwatch_log_group.app.arn}", "tags": params{"rogue": "yes"}}),
		},
		want: []verdict{modified("aws_cloudwatch_log_group.app", `tags["rogue"]`, `tags_all["rogue"]`)},
		note: "tags was null: null is an empty map, so the key is the path.",
	},
	{
		name: "default-tag-changed", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_security_group.web.id}"}, "Tags": list{params{"Key": "managed_by", "Value": "console"}}}),
		},
		want: []verdict{modified("aws_security_group.web", `tags["managed_by"]`, `tags_all["managed_by"]`)},
		note: "No longer equal to the default tag, so the provider reports it as the resource's own.",
	},
	{
		name: "default-tag-removed", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ec2", "delete_tags", params{"Resources": list{"${aws_security_group.web.id}"}, "Tags": list{params{"Key": "managed_by"}}}),
		},
		want: []verdict{modified("aws_security_group.web", `tags_all["managed_by"]`)},
		note: "Not one of the resource's own tags, so only tags_all shows it.",
	},
	{
		name: "user-tag-changed", class: "tags", stack: "features",
		calls: []lab.Call{
			call("iam", "tag_user", params{"UserName": "atlas-test-ada", "Tags": list{params{"Key": "login", "Value": "countess"}}}),
		},
		want: []verdict{modified(`aws_iam_user.operator["ada"]`, `tags["login"]`, `tags_all["login"]`)},
		note: "each.key as a tag.",
	},
	{
		name: "framework-tag-changed", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_vpc_security_group_ingress_rule.data_admin.security_group_rule_id}"}, "Tags": list{params{"Key": "Name", "Value": "nobody knows"}}}),
		},
		want: []verdict{modified("aws_vpc_security_group_ingress_rule.data_admin", `tags["Name"]`, `tags_all["Name"]`)},
		note: "The plugin framework plans tags_all by itself; there it is computed only.",
	},
	{
		name: "parameter-tagged", class: "tags", stack: "features",
		calls: []lab.Call{
			call("ssm", "add_tags_to_resource", params{"ResourceType": "Parameter", "ResourceId": "/atlas-test/log_level", "Tags": list{params{"Key": "a.b/c d", "Value": `quoted "x"`}}}),
		},
		want: []verdict{modified(`aws_ssm_parameter.setting["log_level"]`, `tags["a.b/c d"]`, `tags_all["a.b/c d"]`)},
		note: "A key that needs the quotes of the notation.",
	},

	// lifecycle ignore_changes.
	{
		name: "ignored-attribute", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("autoscaling", "set_desired_capacity", params{"AutoScalingGroupName": "atlas-test-app", "DesiredCapacity": 2}),
		},
		observed: []observation{seen("aws_autoscaling_group.app", "desired_capacity")},
		note:     "A whole attribute.",
	},
	{
		name: "ignored-attribute-and-another", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("autoscaling", "update_auto_scaling_group", params{"AutoScalingGroupName": "atlas-test-app", "DesiredCapacity": 2, "MaxSize": 6}),
		},
		want: []verdict{modified("aws_autoscaling_group.app", "max_size")},
		note: "Only the one that is not ignored.",
	},
	{
		name: "ignored-tag", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_vpc.main.id}"}, "Tags": list{params{"Key": "scanned_at", "Value": "2026-11-01"}}}),
		},
		observed: []observation{seen("aws_vpc.main", `tags["scanned_at"]`, `tags_all["scanned_at"]`)},
		note:     "One key of a map. tags_all follows: it is planned from tags after ignoring.",
	},
	{
		name: "ignored-tag-removed", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("ec2", "delete_tags", params{"Resources": list{"${aws_vpc.main.id}"}, "Tags": list{params{"Key": "scanned_at"}}}),
		},
		observed: []observation{seen("aws_vpc.main", `tags["scanned_at"]`, `tags_all["scanned_at"]`)},
		note:     "An ignored key that live doesn't have is taken out of the configuration.",
	},
	{
		name: "ignored-tag-and-another", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_vpc.main.id}"}, "Tags": list{params{"Key": "scanned_at", "Value": "2026-11-01"}, params{"Key": "owner", "Value": "me"}}}),
		},
		want: []verdict{modified("aws_vpc.main", `tags["owner"]`, `tags_all["owner"]`)},
		note: "Another key of the same map.",
	},
	{
		name: "ignored-nested", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("ec2", "modify_volume", params{"VolumeId": "${aws_instance.worker[1].root_block_device[0].volume_id}", "Size": 64}),
		},
		observed: []observation{seen("aws_instance.worker[1]", "root_block_device[0].volume_size")},
		note:     "An attribute of the first of a list of blocks.",
	},
	{
		name: "ignored-nested-and-another", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("elbv2", "modify_target_group", params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "HealthCheckIntervalSeconds": 60, "Matcher": params{"HttpCode": "200-499"}}),
		},
		want: []verdict{modified("aws_lb_target_group.web", "health_check[0].matcher")},
		note: "Another attribute of the same block.",
	},
	{
		name: "all-ignored", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("ssm", "put_parameter", params{"Name": "/atlas-test/handover", "Type": "String", "Value": "theirs", "Description": "theirs", "Overwrite": true}),
			call("ssm", "add_tags_to_resource", params{"ResourceType": "Parameter", "ResourceId": "/atlas-test/handover", "Tags": list{params{"Key": "owner", "Value": "them"}}}),
		},
		observed: []observation{seen("aws_ssm_parameter.handover", "description", `tags["owner"]`, `tags_all["owner"]`, "value", "version")},
		note:     "ignore_changes = all.",
	},
	{
		name: "all-ignored-deleted", class: "ignore", stack: "features",
		calls: []lab.Call{
			call("ssm", "delete_parameter", params{"Name": "/atlas-test/handover"}),
		},
		want: []verdict{deleted("aws_ssm_parameter.handover")},
		note: "all leaves deletion.",
	},

	// JSON in strings.
	{
		name: "topic-policy-rewritten", class: "json", stack: "features",
		calls: []lab.Call{
			call("sns", "set_topic_attributes", params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "Policy", "AttributeValue": `{
  "Statement": [ { "Resource": "${aws_sns_topic.events.arn}", "Action": ["SNS:Publish"],
    "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Effect": "Allow", "Sid": "PublishFromThisAccount" } ],
  "Version": "2012-10-17" }`}),
		},
		note: "Other order, other spaces, a list of one for a string: the same policy.",
	},
	{
		name: "topic-policy-widened", class: "json", stack: "features",
		calls: []lab.Call{
			call("sns", "set_topic_attributes", params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "Policy", "AttributeValue": `{"Version":"2012-10-17","Statement":[{"Sid":"PublishFromThisAccount","Effect":"Allow","Principal":{"AWS":"*"},"Action":"SNS:Publish","Resource":"${aws_sns_topic.events.arn}"}]}`}),
		},
		want: []verdict{modified("aws_sns_topic_policy.events", "policy")},
		note: "The topic itself reports its policy too, but doesn't set it.",
	},
	{
		name: "bucket-policy-reordered", class: "json", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_policy", params{"Bucket": "${aws_s3_bucket.data.bucket}", "Policy": `{"Statement":[{"Resource":["${aws_s3_bucket.data.arn}/*","${aws_s3_bucket.data.arn}"],"Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["s3:GetObject","s3:ListBucket"],"Effect":"Allow","Sid":"ReadFromThisAccount"}],"Version":"2012-10-17"}`}),
		},
		note: "Keys, actions and resources in another order.",
	},
	{
		name: "bucket-policy-widened", class: "json", stack: "features",
		calls: []lab.Call{
			call("s3", "put_bucket_policy", params{"Bucket": "${aws_s3_bucket.data.bucket}", "Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"ReadFromThisAccount","Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["${aws_s3_bucket.data.arn}","${aws_s3_bucket.data.arn}/*"]}]}`}),
		},
		want: []verdict{modified("aws_s3_bucket_policy.data", "policy")},
		note: "The source is a data source's output, which must be evaluated or taken from the state.",
	},
	{
		name: "managed-policy-widened", class: "json", stack: "features",
		calls: []lab.Call{
			call("iam", "create_policy_version", params{"PolicyArn": "${aws_iam_policy.worker.arn}", "SetAsDefault": true, "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Sid":"Queues","Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage"],"Resource":"*"}]}`}),
		},
		want: []verdict{modified("aws_iam_policy.worker", "policy")},
		note: "A heredoc with references in it.",
	},
	{
		name: "managed-policy-rewritten", class: "json", stack: "features",
		calls: []lab.Call{
			call("iam", "create_policy_version", params{"PolicyArn": "${aws_iam_policy.worker.arn}", "SetAsDefault": true, "PolicyDocument": `{"Statement":{"Resource":"arn:aws:sqs:us-east-1:123456789012:atlas-test-*","Action":["sqs:DeleteMessage","sqs:ReceiveMessage"],"Effect":"Allow","Sid":"Queues"},"Version":"2012-10-17"}`}),
		},
		note: "One statement for a list of one, actions in another order.",
	},
	{
		name: "trust-rewritten", class: "json", stack: "features",
		calls: []lab.Call{
			call("iam", "update_assume_role_policy", params{"RoleName": "atlas-test-worker", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Principal":{"Service":["ec2.amazonaws.com"]},"Effect":"Allow","Action":["sts:AssumeRole"]}]}`}),
		},
		note: "Lists of one for strings.",
	},
	{
		name: "trust-widened", class: "json", stack: "features",
		calls: []lab.Call{
			call("iam", "update_assume_role_policy", params{"RoleName": "atlas-test-worker", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com","AWS":"*"},"Action":"sts:AssumeRole"}]}`}),
		},
		want: []verdict{modified("aws_iam_role.worker", "assume_role_policy")},
		note: "Anybody may take the role.",
	},
	{
		name: "dashboard-rewritten", class: "json", stack: "features",
		calls: []lab.Call{
			call("cloudwatch", "put_dashboard", params{"DashboardName": "atlas-test", "DashboardBody": `{"widgets":[{"properties":{"markdown":"# ATLAS"},"height":2,"width":24,"y":0,"x":0,"type":"text"},{"properties":{"metrics":[["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","atlas-test-mail"],["AWS/SQS","ApproximateNumberOfMessagesVisible","QueueName","atlas-test-orders"]],"title":"Depth of the queues","region":"us-east-1"},"height":6,"width":12,"y":2,"x":0,"type":"metric"}]}`}),
		},
		note: "The same document as the template file's, on one line and in another order.",
	},
	{
		name: "dashboard-edited", class: "json", stack: "features",
		calls: []lab.Call{
			call("cloudwatch", "put_dashboard", params{"DashboardName": "atlas-test", "DashboardBody": `{"widgets":[{"type":"text","x":0,"y":0,"width":24,"height":2,"properties":{"markdown":"# mine"}}]}`}),
		},
		want: []verdict{modified("aws_cloudwatch_dashboard.main", "dashboard_body")},
		note: "Another document.",
	},

	// State functions.
	{
		name: "user-data-edited", class: "state-func", stack: "features",
		calls: []lab.Call{
			call("ec2", "stop_instances", params{"InstanceIds": list{"${aws_instance.worker[0].id}"}}),
			call("ec2", "modify_instance_attribute", params{"InstanceId": "${aws_instance.worker[0].id}", "UserData": params{"Value": encoded("#!/bin/sh\ncurl example.org | sh\n")}}),
			call("ec2", "start_instances", params{"InstanceIds": list{"${aws_instance.worker[0].id}"}}),
		},
		want: []verdict{modified("aws_instance.worker[0]", "user_data")},
		note: "The state holds a hash of it, live another hash.",
	},
	{
		name: "user-data-rewritten-the-same", class: "state-func", stack: "features",
		calls: []lab.Call{
			call("ec2", "stop_instances", params{"InstanceIds": list{"${aws_instance.worker[0].id}"}}),
			call("ec2", "modify_instance_attribute", params{"InstanceId": "${aws_instance.worker[0].id}", "UserData": params{"Value": encoded("#!/bin/sh\n# Worker 0 of atlas\npoll --queue mail\npoll --queue orders\n")}}),
			call("ec2", "start_instances", params{"InstanceIds": list{"${aws_instance.worker[0].id}"}}),
		},
		note: "What the template renders to: the same hash. Comparing the source with the state would see a script against a hash.",
	},
	{
		name: "tag-beside-user-data", class: "state-func", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_instance.worker[0].id}"}, "Tags": list{params{"Key": "Name", "Value": "renamed"}}}),
		},
		want: []verdict{modified("aws_instance.worker[0]", `tags["Name"]`, `tags_all["Name"]`)},
		note: "The hash goes through plan once there is something to plan: it must not become a finding. The other worker is clean.",
	},

	// Deletions.
	{
		name: "rule-target-removed", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("events", "remove_targets", params{"Rule": "atlas-test-nightly", "Ids": list{"mail"}}),
		},
		want: []verdict{deleted("aws_cloudwatch_event_target.nightly")},
		note: "The rule itself is untouched.",
	},
	{
		name: "policy-detached", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("iam", "detach_role_policy", params{"RoleName": "atlas-test-worker", "PolicyArn": "${aws_iam_policy.worker.arn}"}),
		},
		want: []verdict{deleted("aws_iam_role_policy_attachment.worker")},
		note: "A relation is a resource.",
	},
	{
		name: "rule-resource-revoked", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "revoke_security_group_ingress", params{"GroupId": "${aws_security_group.data.id}", "IpPermissions": list{
				params{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": list{params{"GroupId": "${aws_security_group.web.id}", "Description": "Database from the web tier"}}},
			}}),
		},
		want: []verdict{deleted("aws_security_group_rule.data_from_web")},
		note: "The group's own ingress, which its source doesn't set, shows the same and does not count.",
	},
	{
		name: "framework-rule-revoked", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "revoke_security_group_ingress", params{"GroupId": "${aws_security_group.data.id}", "SecurityGroupRuleIds": list{"${aws_vpc_security_group_ingress_rule.data_admin.security_group_rule_id}"}}),
		},
		want: []verdict{deleted("aws_vpc_security_group_ingress_rule.data_admin")},
		note: "Plugin framework.",
	},
	{
		name: "route-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "delete_route", params{"RouteTableId": "${aws_route_table.public.id}", "DestinationCidrBlock": "0.0.0.0/0"}),
		},
		want: []verdict{deleted("aws_route.internet")},
		note: "The table's own list of routes is as empty as when it was applied.",
	},
	{
		name: "subnet-disassociated", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "disassociate_route_table", params{"AssociationId": `${aws_route_table_association.public["front"].id}`}),
		},
		want: []verdict{deleted(`aws_route_table_association.public["front"]`)},
		note: "By for_each key, from a filtered for expression.",
	},
	{
		name: "volume-detached", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "detach_volume", params{"VolumeId": "${aws_ebs_volume.scratch.id}", "InstanceId": "${aws_instance.worker[0].id}"}),
		},
		want: []verdict{deleted("aws_volume_attachment.scratch")},
		note: "Volume and instance are as they were.",
	},
	{
		name: "volume-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "detach_volume", params{"VolumeId": "${aws_ebs_volume.scratch.id}", "InstanceId": "${aws_instance.worker[0].id}"}),
			call("ec2", "delete_volume", params{"VolumeId": "${aws_ebs_volume.scratch.id}"}),
		},
		want: []verdict{deleted("aws_ebs_volume.scratch"), deleted("aws_volume_attachment.scratch")},
		note: "With what hung on it. The volume has a timeouts block, which no API returns.",
	},
	{
		name: "worker-terminated", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ec2", "terminate_instances", params{"InstanceIds": list{"${aws_instance.worker[1].id}"}}),
		},
		want: []verdict{deleted("aws_instance.worker[1]")},
		note: "Still described for a while, as terminated: the provider takes that for gone. One of two by count.",
	},
	{
		name: "task-definition-deregistered", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("ecs", "deregister_task_definition", params{"taskDefinition": "atlas-test-app:1"}),
		},
		want: []verdict{deleted("aws_ecs_task_definition.app")},
		note: "Inactive is gone.",
	},
	{
		name: "bucket-policy-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("s3", "delete_bucket_policy", params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
			call("s3", "delete_public_access_block", params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
			call("s3", "delete_bucket_lifecycle", params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
		},
		want: []verdict{deleted("aws_s3_bucket_policy.data"), deleted("aws_s3_bucket_public_access_block.data"), deleted("aws_s3_bucket_lifecycle_configuration.data")},
		note: "Three settings of a bucket that are resources; the bucket stays.",
	},
	{
		name: "bucket-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("s3", "delete_bucket", params{"Bucket": "${aws_s3_bucket.data.bucket}"}),
		},
		want: []verdict{
			deleted("aws_s3_bucket.data"), deleted("aws_s3_bucket_lifecycle_configuration.data"), deleted("aws_s3_bucket_policy.data"),
			deleted("aws_s3_bucket_public_access_block.data"), deleted("aws_s3_bucket_server_side_encryption_configuration.data"), deleted("aws_s3_bucket_versioning.data"),
		},
		note: "And all that is part of it.",
	},
	{
		name: "log-group-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("logs", "delete_metric_filter", params{"logGroupName": "/atlas-test/app", "filterName": "atlas-test-errors"}),
			call("logs", "delete_log_group", params{"logGroupName": "/atlas-test/app"}),
		},
		want: []verdict{deleted("aws_cloudwatch_log_group.app"), deleted("aws_cloudwatch_log_metric_filter.errors")},
		note: "AWS deletes the filter with the group; the emulator needs to be told.",
	},
	{
		name: "secret-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("secretsmanager", "delete_secret", params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "ForceDeleteWithoutRecovery": true}),
		},
		want: []verdict{deleted("aws_secretsmanager_secret.api"), deleted("aws_secretsmanager_secret_version.api")},
		note: "With its versions. At once, because the emulator words the refusal to read a secret that waits for its deletion otherwise than AWS, and the provider then fails instead of taking it for gone.",
	},
	{
		name: "user-pool-client-deleted", class: "deletion", stack: "features",
		calls: []lab.Call{
			call("cognito-idp", "delete_user_pool_client", params{"UserPoolId": "${aws_cognito_user_pool.customers.id}", "ClientId": "${aws_cognito_user_pool_client.site.id}"}),
		},
		want: []verdict{deleted("aws_cognito_user_pool_client.site")},
		note: "Plugin framework.",
	},

	// Modules.
	{
		name: "module-queue-visibility", class: "module", stack: "features",
		calls: []lab.Call{
			setQueue("orders", params{"VisibilityTimeout": "300"}),
		},
		want: []verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, "visibility_timeout_seconds")},
		note: "One instance of a module's for_each.",
	},
	{
		name: "module-queue-retention", class: "module", stack: "features",
		calls: []lab.Call{
			setQueue("mail", params{"MessageRetentionPeriod": "345600"}),
		},
		want: []verdict{modified(`module.queue["mail"].aws_sqs_queue.this`, "message_retention_seconds")},
		note: "4 days: the default of the module's variable and of the object type, and right for the other queue. This one says 7.",
	},
	{
		name: "module-queue-label", class: "module", stack: "features",
		calls: []lab.Call{
			call("sqs", "tag_queue", params{"QueueUrl": `${module.queue["orders"].aws_sqs_queue.this.url}`, "Tags": params{"criticality": "low"}}),
			call("sqs", "untag_queue", params{"QueueUrl": `${module.queue["orders"].aws_sqs_queue.this.url}`, "TagKeys": list{"owner"}}),
		},
		want: []verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, `tags["criticality"]`, `tags["owner"]`, `tags_all["criticality"]`, `tags_all["owner"]`)},
		note: "One tag changed and one removed.",
	},
	{
		name: "module-queue-policy-widened", class: "module", stack: "features",
		calls: []lab.Call{
			setQueue("mail", params{"Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"Senders","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"${module.queue["mail"].aws_sqs_queue.this.arn}"}]}`}),
		},
		want: []verdict{modified(`module.queue["mail"].aws_sqs_queue_policy.this[0]`, "policy")},
		note: "A count in a module's for_each. The queue reports the policy too, and doesn't set it.",
	},
	{
		name: "module-queue-policy-emptied", class: "module", stack: "features",
		calls: []lab.Call{
			setQueue("mail", params{"Policy": ""}),
		},
		want: []verdict{deleted(`module.queue["mail"].aws_sqs_queue_policy.this[0]`)},
		note: "No policy is no resource.",
	},
	{
		name: "module-queue-deleted", class: "module", stack: "features",
		calls: []lab.Call{
			call("sqs", "delete_queue", params{"QueueUrl": `${module.queue["mail"].aws_sqs_queue.this.url}`}),
		},
		want: []verdict{deleted(`module.queue["mail"].aws_sqs_queue.this`), deleted(`module.queue["mail"].aws_sqs_queue_policy.this[0]`)},
		note: "What refers to the queue's arn (the rule's target) is unknown in a plan now, but as applied: not drift.",
	},

	// The second region.
	{
		name: "away-parameter", class: "region", stack: "features",
		calls: []lab.Call{
			callWest("ssm", "put_parameter", params{"Name": "/atlas-test-replica/region", "Description": "Shared by delivery", "Type": "String", "Value": "there", "Overwrite": true}),
		},
		want: []verdict{modified("module.replica.aws_ssm_parameter.away", "value").hiding("value")},
		note: "The other region has a parameter of the same name: only the provider's configuration tells them apart.",
	},
	{
		name: "home-parameter", class: "region", stack: "features",
		calls: []lab.Call{
			call("ssm", "put_parameter", params{"Name": "/atlas-test-replica/region", "Type": "String", "Value": "there", "Overwrite": true}),
		},
		want: []verdict{modified("module.replica.aws_ssm_parameter.home", "value").hiding("value")},
		note: "And the other way round.",
	},
	{
		name: "away-queue", class: "region", stack: "features",
		calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": params{"VisibilityTimeout": "45"}}),
		},
		want: []verdict{modified("module.away_queue.aws_sqs_queue.this", "visibility_timeout_seconds")},
		note: "A module that knows only one provider, given the alias; the value is the default of its variable.",
	},
	{
		name: "away-default-tag", class: "region", stack: "features",
		calls: []lab.Call{
			callWest("sns", "tag_resource", params{"ResourceArn": "${module.replica.aws_sns_topic.away.arn}", "Tags": list{params{"Key": "site", "Value": "home"}}}),
		},
		want: []verdict{modified("module.replica.aws_sns_topic.away", `tags["site"]`, `tags_all["site"]`)},
		note: "A default tag that only the aliased provider has.",
	},
	{
		name: "away-topic-deleted", class: "region", stack: "features",
		calls: []lab.Call{
			callWest("sns", "delete_topic", params{"TopicArn": "${module.replica.aws_sns_topic.away.arn}"}),
		},
		want: []verdict{deleted("module.replica.aws_sns_topic.away")},
		note: "One of several objects behind that provider.",
	},

	// Code changed and not applied, alone: never a finding.
	{
		name: "code-attribute-added", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("messaging.tf", "  display_name = local.page_title\n", "  display_name = local.page_title\n  kms_master_key_id = \"alias/aws/sns\"\n"),
		},
		pending: []string{"aws_sns_topic.events"},
		note:    "Code not applied yet is not drift.",
	},
	{
		name: "code-attribute-removed", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("messaging.tf", "  description         = \"Cleans up at night\"\n", ""),
		},
		pending: []string{"aws_cloudwatch_event_rule.nightly"},
		note:    "Likewise what it no longer says.",
	},
	{
		name: "code-value-changed", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("team.auto.tfvars", "log_retention_days = 14", "log_retention_days = 30"),
		},
		pending: []string{"aws_cloudwatch_log_group.app"},
		note:    "Through a variable.",
	},
	{
		name: "code-default-tag-added", class: "pending", stack: "features", alone: true,
		edits: []sourceEdit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"terraform\"\n    cost_centre = \"4711\"\n"),
		},
		pending: []string{"aws_vpc.main", "module.replica.aws_sns_topic.away", "aws_vpc_security_group_ingress_rule.data_admin"},
		note:    "Changes nearly every resource's plan, and no verdict.",
	},
	{
		name: "code-default-tag-changed", class: "pending", stack: "features", alone: true,
		edits: []sourceEdit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"holdfast\"\n"),
		},
		pending:    []string{"aws_vpc.main", "module.replica.aws_sns_topic.away", "aws_vpc_security_group_ingress_rule.data_admin"},
		beyondPlan: notOneOfTheDefaultTags,
		note:       "Nobody touched a tag. tags_all, live and applied, is the same.",
	},
	{
		name: "code-default-tag-removed", class: "pending", stack: "features", alone: true,
		edits: []sourceEdit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", ""),
		},
		pending:    []string{"aws_vpc.main", "module.replica.aws_sns_topic.away", "aws_vpc_security_group_ingress_rule.data_admin"},
		beyondPlan: notOneOfTheDefaultTags,
		note:       "The same with a tag taken out of the code.",
	},
	{
		name: "code-block-added", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("terraform.tfvars", "  { port = 80 },\n", "  { port = 80 },\n  { port = 8080 },\n"),
		},
		pending: []string{"aws_security_group.web"},
		note:    "One more element of a dynamic block.",
	},
	{
		name: "code-block-removed", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("storage.tf", "  lifecycle_policy {\n    transition_to_ia = \"AFTER_30_DAYS\"\n  }\n", ""),
		},
		pending: []string{"aws_efs_file_system.shared"},
		note:    "A block less.",
	},
	{
		name: "code-template-changed", class: "pending", stack: "features",
		edits: []sourceEdit{
			appendTo("templates/worker.sh.tftpl", "echo done\n"),
		},
		pending: []string{"aws_instance.worker[0]", "aws_instance.worker[1]"},
		note:    "A file that templatefile reads, behind a state function.",
	},
	{
		name: "code-instances-added", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("variables.tf", "  type    = number\n  default = 2\n}\n\nvariable \"keep_workers\"", "  type    = number\n  default = 3\n}\n\nvariable \"keep_workers\""),
			replaceIn("team.auto.tfvars", "settings = {\n", "settings = {\n  colour = \"blue\"\n"),
			appendTo("extra.tf", "resource \"aws_sns_topic\" \"extra\" {\n  name = \"extra\"\n}\n"),
		},
		pending: []string{"aws_instance.worker[2]", `aws_ssm_parameter.setting["colour"]`, "aws_sns_topic.extra"},
		note:    "By count, by for_each, and a new resource: in the code, not in the state.",
	},
	{
		name: "code-input-of-terraform-data", class: "pending", stack: "features",
		edits: []sourceEdit{
			replaceIn("locals.tf", `upper(var.project)`, `title(var.project)`),
		},
		pending: []string{"terraform_data.release", "aws_sns_topic.events", "aws_cloudwatch_dashboard.main"},
		note:    "terraform_data has no remote object: it never drifts.",
	},

	// Code changed and not applied, and drift: only the drift.
	{
		name: "code-attribute-added-and-drift", class: "pending", stack: "features",
		calls: []lab.Call{
			call("sns", "set_topic_attributes", params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "DisplayName", "AttributeValue": "by hand"}),
		},
		edits: []sourceEdit{
			replaceIn("messaging.tf", "  display_name = local.page_title\n", "  display_name = local.page_title\n  kms_master_key_id = \"alias/aws/sns\"\n"),
		},
		want:    []verdict{modified("aws_sns_topic.events", "display_name")},
		pending: []string{"aws_sns_topic.events"},
		note:    "kms_master_key_id is planned, but live and applied agree on it.",
	},
	{
		name: "code-attribute-removed-and-drift-on-it", class: "pending", stack: "features",
		calls: []lab.Call{
			call("events", "put_rule", params{"Name": "atlas-test-nightly", "Description": "by hand", "ScheduleExpression": "cron(0 3 * * ? *)", "State": "ENABLED"}),
		},
		edits: []sourceEdit{
			replaceIn("messaging.tf", "  description         = \"Cleans up at night\"\n", ""),
		},
		want: []verdict{modified("aws_cloudwatch_event_rule.nightly", "description")},
		note: "Live is neither what was applied nor what the code wants now.",
	},
	{
		name: "code-value-changed-and-drift-on-it", class: "pending", stack: "features",
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 60}),
		},
		edits: []sourceEdit{
			replaceIn("team.auto.tfvars", "log_retention_days = 14", "log_retention_days = 30"),
		},
		want: []verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		note: "Applied 14, code 30, live 60.",
	},
	{
		name: "code-default-tag-added-and-drift", class: "pending", stack: "features", alone: true,
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_vpc.main.id}"}, "Tags": list{params{"Key": "owner", "Value": "me"}}}),
		},
		edits: []sourceEdit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"terraform\"\n    cost_centre = \"4711\"\n"),
		},
		want:    []verdict{modified("aws_vpc.main", `tags["owner"]`, `tags_all["owner"]`)},
		pending: []string{"aws_vpc.main"},
		note:    "Not the default tags, though every tags_all is planned anew.",
	},
	{
		name: "code-default-tag-changed-and-drift", class: "pending", stack: "features", alone: true,
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_vpc.main.id}"}, "Tags": list{params{"Key": "owner", "Value": "me"}}}),
		},
		edits: []sourceEdit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"holdfast\"\n"),
		},
		want:       []verdict{modified("aws_vpc.main", `tags["owner"]`, `tags_all["owner"]`)},
		pending:    []string{"aws_vpc.main"},
		beyondPlan: notOneOfTheDefaultTags,
		note:       "One tag changed by hand; managed_by was not.",
	},
	{
		name: "code-default-tag-changed-and-drift-on-it", class: "pending", stack: "features", alone: true,
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_route_table.public.id}"}, "Tags": list{params{"Key": "managed_by", "Value": "me"}}}),
		},
		edits: []sourceEdit{
			replaceIn("locals.tf", "    managed_by  = \"terraform\"\n", "    managed_by  = \"holdfast\"\n"),
		},
		want:       []verdict{modified("aws_route_table.public", `tags["managed_by"]`, `tags_all["managed_by"]`)},
		beyondPlan: notOneOfTheDefaultTags,
		note:       "Here somebody did change it: applied terraform, code holdfast, live me. On every other resource nobody did.",
	},
	{
		name: "code-block-added-and-drift", class: "pending", stack: "features",
		calls: []lab.Call{
			call("ec2", "authorize_security_group_ingress", params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": list{
				params{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": list{params{"CidrIp": "0.0.0.0/0"}}},
			}}),
		},
		edits: []sourceEdit{
			replaceIn("terraform.tfvars", "  { port = 80 },\n", "  { port = 80 },\n  { port = 8080 },\n"),
		},
		want: []verdict{modified("aws_security_group.web", "ingress")},
		note: "The set is one path: the port opened by hand counts, whatever the code adds.",
	},
	{
		name: "code-template-changed-and-drift", class: "pending", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_instance.worker[0].id}"}, "Tags": list{params{"Key": "owner", "Value": "me"}}}),
		},
		edits: []sourceEdit{
			appendTo("templates/worker.sh.tftpl", "echo done\n"),
		},
		want:    []verdict{modified("aws_instance.worker[0]", `tags["owner"]`, `tags_all["owner"]`)},
		pending: []string{"aws_instance.worker[0]", "aws_instance.worker[1]"},
		note:    "user_data is planned, but live and applied agree on the hash.",
	},
	{
		name: "code-block-removed-and-drift-beside-it", class: "pending", stack: "features",
		calls: []lab.Call{
			call("efs", "tag_resource", params{"ResourceId": "${aws_efs_file_system.shared.id}", "Tags": list{params{"Key": "Name", "Value": "mine"}}}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", "  lifecycle_policy {\n    transition_to_ia = \"AFTER_30_DAYS\"\n  }\n", ""),
		},
		want:    []verdict{modified("aws_efs_file_system.shared", `tags["Name"]`, `tags_all["Name"]`)},
		pending: []string{"aws_efs_file_system.shared"},
		note:    "By hand also name, which follows the Name tag; but it is computed, so a plan keeps what is live.",
	},

	// Adopted: the code says what is live.
	{
		name: "adopted-value", class: "adopted", stack: "features",
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 30}),
		},
		edits: []sourceEdit{
			replaceIn("team.auto.tfvars", "log_retention_days = 14", "log_retention_days = 30"),
		},
		adopted: []observation{seen("aws_cloudwatch_log_group.app", "retention_in_days")},
		note:    "A plan has nothing to do.",
	},
	{
		name: "adopted-rule", class: "adopted", stack: "features",
		calls: []lab.Call{
			call("ec2", "authorize_security_group_ingress", params{"GroupId": "${aws_security_group.web.id}", "IpPermissions": list{
				params{"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": list{params{"CidrIp": "0.0.0.0/0"}}},
			}}),
		},
		edits: []sourceEdit{
			replaceIn("terraform.tfvars", "  { port = 80 },\n", "  { port = 80 },\n  { port = 8080 },\n"),
		},
		adopted: []observation{seen("aws_security_group.web", "ingress")},
		note:    "A whole set, equal to what the dynamic block now produces.",
	},
	{
		name: "adopted-tag", class: "adopted", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_internet_gateway.main.id}"}, "Tags": list{params{"Key": "zone", "Value": "edge"}}}),
		},
		edits: []sourceEdit{
			replaceIn("network.tf", "    Name = \"${local.prefix}-internet\"\n", "    Name = \"${local.prefix}-internet\"\n    zone = \"edge\"\n"),
		},
		adopted: []observation{seen("aws_internet_gateway.main", `tags["zone"]`, `tags_all["zone"]`)},
		note:    "One more tag on both sides.",
	},
	{
		name: "adopted-one-of-two", class: "adopted", stack: "features",
		calls: []lab.Call{
			setQueue("orders", params{"VisibilityTimeout": "90", "MessageRetentionPeriod": "86400"}),
		},
		edits: []sourceEdit{
			replaceIn("team.auto.tfvars", "visibility = 60", "visibility = 90"),
		},
		want:    []verdict{modified(`module.queue["orders"].aws_sqs_queue.this`, "message_retention_seconds")},
		adopted: []observation{seen(`module.queue["orders"].aws_sqs_queue.this`, "visibility_timeout_seconds")},
		note:    "The other one is still drift.",
	},
	{
		name: "adopted-policy", class: "adopted", stack: "features",
		calls: []lab.Call{
			call("iam", "create_policy_version", params{"PolicyArn": "${aws_iam_policy.worker.arn}", "SetAsDefault": true, "PolicyDocument": `{"Statement":[{"Action":["sqs:DeleteMessage","sqs:ReceiveMessage","sqs:GetQueueUrl"],"Effect":"Allow","Resource":"arn:aws:sqs:us-east-1:123456789012:atlas-test-*","Sid":"Queues"}],"Version":"2012-10-17"}`}),
		},
		edits: []sourceEdit{
			replaceIn("compute.tf", `["sqs:ReceiveMessage", "sqs:DeleteMessage"]`, `["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueUrl"]`),
		},
		adopted: []observation{seen("aws_iam_policy.worker", "policy")},
		note:    "The source's text and the live one differ; the policies are equal.",
	},

	// moved blocks and implied moves, not applied yet.
	{
		name: "moved-renamed", class: "moved", stack: "features",
		edits: []sourceEdit{
			replaceIn("storage.tf", `resource "aws_athena_workgroup" "reports"`, `resource "aws_athena_workgroup" "queries"`),
			appendTo("moved.tf", "moved {\n  from = aws_athena_workgroup.reports\n  to   = aws_athena_workgroup.queries\n}\n"),
		},
		note: "Only the address in the state changes.",
	},
	{
		name: "moved-renamed-and-drift", class: "moved", stack: "features",
		calls: []lab.Call{
			call("athena", "tag_resource", params{"ResourceARN": "${aws_athena_workgroup.reports.arn}", "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", `resource "aws_athena_workgroup" "reports"`, `resource "aws_athena_workgroup" "queries"`),
			appendTo("moved.tf", "moved {\n  from = aws_athena_workgroup.reports\n  to   = aws_athena_workgroup.queries\n}\n"),
		},
		want: []verdict{modified("aws_athena_workgroup.queries", `tags["rogue"]`, `tags_all["rogue"]`)},
		note: "The state's old instance is judged by the source of its new address, or it would look like an orphan.",
	},
	{
		name: "moved-renamed-and-deleted", class: "moved", stack: "features",
		calls: []lab.Call{
			call("athena", "delete_work_group", params{"WorkGroup": "atlas-test-reports"}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", `resource "aws_athena_workgroup" "reports"`, `resource "aws_athena_workgroup" "queries"`),
			appendTo("moved.tf", "moved {\n  from = aws_athena_workgroup.reports\n  to   = aws_athena_workgroup.queries\n}\n"),
		},
		want: []verdict{deleted("aws_athena_workgroup.queries")},
		note: "Deletion follows the move too.",
	},
	{
		name: "moved-count-to-for-each", class: "moved", stack: "features",
		edits: []sourceEdit{
			replaceIn("compute.tf", "  count = var.worker_count\n", "  for_each = toset([\"0\", \"1\"])\n"),
			replaceIn("compute.tf", "    index   = count.index\n", "    index   = each.key\n"),
			replaceIn("compute.tf", "worker-${count.index}\"", "worker-${each.key}\""),
			replaceIn("compute.tf", "aws_instance.worker[0].availability_zone", "aws_instance.worker[\"0\"].availability_zone"),
			replaceIn("compute.tf", "aws_instance.worker[0].id", "aws_instance.worker[\"0\"].id"),
			appendTo("moved.tf", "moved {\n  from = aws_instance.worker[0]\n  to   = aws_instance.worker[\"0\"]\n}\n\nmoved {\n  from = aws_instance.worker[1]\n  to   = aws_instance.worker[\"1\"]\n}\n"),
		},
		note: "The number 0 and the string \"0\" are different keys.",
	},
	{
		name: "moved-count-to-for-each-and-drift", class: "moved", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_instance.worker[1].id}"}, "Tags": list{params{"Key": "Name", "Value": "mine"}}}),
		},
		edits: []sourceEdit{
			replaceIn("compute.tf", "  count = var.worker_count\n", "  for_each = toset([\"0\", \"1\"])\n"),
			replaceIn("compute.tf", "    index   = count.index\n", "    index   = each.key\n"),
			replaceIn("compute.tf", "worker-${count.index}\"", "worker-${each.key}\""),
			replaceIn("compute.tf", "aws_instance.worker[0].availability_zone", "aws_instance.worker[\"0\"].availability_zone"),
			replaceIn("compute.tf", "aws_instance.worker[0].id", "aws_instance.worker[\"0\"].id"),
			appendTo("moved.tf", "moved {\n  from = aws_instance.worker[0]\n  to   = aws_instance.worker[\"0\"]\n}\n\nmoved {\n  from = aws_instance.worker[1]\n  to   = aws_instance.worker[\"1\"]\n}\n"),
		},
		want: []verdict{modified(`aws_instance.worker["1"]`, `tags["Name"]`, `tags_all["Name"]`)},
		note: "With the source of the new key.",
	},
	{
		name: "moved-into-module-and-drift", class: "moved", stack: "features",
		calls: []lab.Call{
			call("efs", "put_lifecycle_configuration", params{"FileSystemId": "${aws_efs_file_system.shared.id}", "LifecyclePolicies": list{params{"TransitionToIA": "AFTER_90_DAYS"}}}),
		},
		edits: []sourceEdit{
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
		want: []verdict{modified("module.replica.aws_efs_file_system.shared", "lifecycle_policy[0].transition_to_ia")},
		note: "The module names its provider otherwise than the state's entry does; it is the same configuration.",
	},
	{
		name: "moved-by-adding-count", class: "moved", stack: "features",
		calls: []lab.Call{
			call("cloudwatch", "put_dashboard", params{"DashboardName": "atlas-test", "DashboardBody": `{"widgets":[]}`}),
		},
		edits: []sourceEdit{
			replaceIn("observability.tf", "  dashboard_name = local.prefix\n", "  count = 1\n\n  dashboard_name = local.prefix\n"),
		},
		want: []verdict{modified("aws_cloudwatch_dashboard.main[0]", "dashboard_body")},
		note: "No moved block: Terraform takes the instance without a key for number 0 by itself.",
	},
	{
		name: "moved-by-removing-count", class: "moved", stack: "features",
		edits: []sourceEdit{
			replaceIn("modules/queue/main.tf", "  count = length(var.senders) > 0 ? 1 : 0\n\n", ""),
		},
		calls: []lab.Call{
			setQueue("mail", params{"Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"Senders","Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}]}`}),
		},
		want:    []verdict{modified(`module.queue["mail"].aws_sqs_queue_policy.this`, "policy")},
		pending: []string{"module.away_queue.aws_sqs_queue_policy.this"},
		note:    "And the other way round, in every instance of a module; the third one gets a policy for the first time.",
	},
	{
		name: "moved-module-to-key-and-drift", class: "moved", stack: "features",
		calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": params{"DelaySeconds": "9"}}),
		},
		edits: []sourceEdit{
			replaceIn("messaging.tf", "module \"away_queue\" {\n  source = \"./modules/queue\"\n", "module \"away_queue\" {\n  source   = \"./modules/queue\"\n  for_each = toset([\"only\"])\n"),
			replaceIn("outputs.tf", "module.away_queue.url", "module.away_queue[\"only\"].url"),
			appendTo("moved.tf", "moved {\n  from = module.away_queue\n  to   = module.away_queue[\"only\"]\n}\n"),
		},
		want: []verdict{modified(`module.away_queue["only"].aws_sqs_queue.this`, "delay_seconds")},
		note: "A whole module's instances move.",
	},

	// In the state, no longer in the code.
	{
		name: "orphan-changed", class: "orphan", stack: "features",
		calls: []lab.Call{
			call("athena", "tag_resource", params{"ResourceARN": "${aws_athena_workgroup.reports.arn}", "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", athenaSource, ""),
		},
		pending: []string{"aws_athena_workgroup.reports"},
		note:    "Apply would destroy it: nothing would be put back.",
	},
	{
		name: "orphan-deleted", class: "orphan", stack: "features",
		calls: []lab.Call{
			call("athena", "delete_work_group", params{"WorkGroup": "atlas-test-reports"}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", athenaSource, ""),
		},
		want: []verdict{deleted("aws_athena_workgroup.reports")},
		note: "Gone before the code's change was applied.",
	},
	{
		name: "orphan-by-for-each", class: "orphan", stack: "features",
		calls: []lab.Call{
			call("ssm", "put_parameter", params{"Name": "/atlas-test/page_size", "Description": "by hand", "Type": "String", "Value": "500", "Overwrite": true}),
			call("ssm", "put_parameter", params{"Name": "/atlas-test/log_level", "Description": "by hand", "Type": "String", "Value": "info", "Overwrite": true}),
		},
		edits: []sourceEdit{
			replaceIn("team.auto.tfvars", "  page_size = \"50\"\n", ""),
		},
		want:    []verdict{modified(`aws_ssm_parameter.setting["log_level"]`, "description")},
		pending: []string{`aws_ssm_parameter.setting["page_size"]`, "aws_ecs_task_definition.app"},
		note:    "One key is no longer in the map, the other still is.",
	},

	{
		name: "orphan-by-count", class: "orphan", stack: "features",
		calls: []lab.Call{
			call("ec2", "create_tags", params{"Resources": list{"${aws_instance.worker[0].id}", "${aws_instance.worker[1].id}"}, "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		edits: []sourceEdit{
			appendTo("z.auto.tfvars", "worker_count = 1\n"),
		},
		want:    []verdict{modified("aws_instance.worker[0]", `tags["rogue"]`, `tags_all["rogue"]`)},
		pending: []string{"aws_instance.worker[1]"},
		note:    "The same tag on both: the second is about to be destroyed, by a tfvars file that is new.",
	},
	{
		name: "orphan-module-changed", class: "orphan", stack: "features",
		calls: []lab.Call{
			callWest("sqs", "set_queue_attributes", params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": params{"VisibilityTimeout": "45"}}),
		},
		edits: []sourceEdit{
			replaceIn("messaging.tf", awayQueueSource, ""),
			replaceIn("outputs.tf", "output \"away_queue_url\" {\n  value = module.away_queue.url\n}\n", ""),
		},
		pending: []string{"module.away_queue.aws_sqs_queue.this"},
		note:    "The whole module call is gone, and with it the mapping of its provider: the state's entry names the provider.",
	},
	{
		name: "orphan-module-deleted", class: "orphan", stack: "features",
		calls: []lab.Call{
			callWest("sqs", "delete_queue", params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}"}),
		},
		edits: []sourceEdit{
			replaceIn("messaging.tf", awayQueueSource, ""),
			replaceIn("outputs.tf", "output \"away_queue_url\" {\n  value = module.away_queue.url\n}\n", ""),
		},
		want: []verdict{deleted("module.away_queue.aws_sqs_queue.this")},
		note: "Asked in the right region, or it would look deleted anyway.",
	},
	{
		name: "not-in-the-state", class: "orphan", stack: "features",
		terraform: []string{"state", "rm", "aws_athena_workgroup.reports"},
		calls: []lab.Call{
			call("athena", "tag_resource", params{"ResourceARN": "arn:aws:athena:us-east-1:123456789012:workgroup/atlas-test-reports", "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		pending: []string{"aws_athena_workgroup.reports"},
		note:    "The reverse: in the code, no longer in the state.",
	},

	// removed blocks.
	{
		name: "removed-block", class: "removed", stack: "features",
		calls: []lab.Call{
			call("athena", "tag_resource", params{"ResourceARN": "${aws_athena_workgroup.reports.arn}", "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", athenaSource, "removed {\n  from = aws_athena_workgroup.reports\n\n  lifecycle {\n    destroy = false\n  }\n}\n"),
		},
		pending: []string{"aws_athena_workgroup.reports"},
		note:    "The code is about to let go of it.",
	},
	{
		name: "removed-block-deleted", class: "removed", stack: "features",
		calls: []lab.Call{
			call("athena", "delete_work_group", params{"WorkGroup": "atlas-test-reports"}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", athenaSource, "removed {\n  from = aws_athena_workgroup.reports\n\n  lifecycle {\n    destroy = false\n  }\n}\n"),
		},
		pending: []string{"aws_athena_workgroup.reports"},
		note:    "The code has let go of it, so its end is nobody's drift.",
	},
	{
		name: "removed-block-beside-drift", class: "removed", stack: "features",
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 30}),
		},
		edits: []sourceEdit{
			replaceIn("storage.tf", athenaSource, "removed {\n  from = aws_athena_workgroup.reports\n\n  lifecycle {\n    destroy = true\n  }\n}\n"),
		},
		want:    []verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		pending: []string{"aws_athena_workgroup.reports"},
		note:    "The rest of the stack is checked as always.",
	},

	// import blocks.
	{
		name: "import-block", class: "import", stack: "features",
		calls: []lab.Call{
			call("sns", "create_topic", params{"Name": "atlas-test-legacy", "Attributes": params{"DisplayName": "by hand"}}),
		},
		edits: []sourceEdit{
			appendTo("import.tf", "import {\n  to = aws_sns_topic.legacy\n  id = \"arn:aws:sns:us-east-1:123456789012:atlas-test-legacy\"\n}\n\nresource \"aws_sns_topic\" \"legacy\" {\n  name         = \"atlas-test-legacy\"\n  display_name = \"from the code\"\n}\n"),
		},
		pending: []string{"aws_sns_topic.legacy"},
		note:    "Not in the state yet: it can't have drifted.",
	},
	{
		name: "import-block-applied", class: "import", stack: "features",
		calls: []lab.Call{
			call("sns", "set_topic_attributes", params{"TopicArn": "${aws_sns_topic.events.arn}", "AttributeName": "DisplayName", "AttributeValue": "by hand"}),
		},
		edits: []sourceEdit{
			appendTo("import.tf", "import {\n  to = aws_sns_topic.events\n  id = \"arn:aws:sns:us-east-1:123456789012:atlas-test-events\"\n}\n"),
		},
		want: []verdict{modified("aws_sns_topic.events", "display_name")},
		note: "Already in the state: the block has done its work and says nothing any more.",
	},

	// Values that must never be shown.
	{
		name: "password-changed", class: "sensitive", stack: "features",
		calls: []lab.Call{
			call("ssm", "put_parameter", params{"Name": "/atlas-test/database-password", "Type": "SecureString", "Value": "not-a-real-password-0002", "Overwrite": true}),
		},
		want: []verdict{modified("aws_ssm_parameter.database_password", "value").hiding("value")},
		note: "Sensitive by the schema and by the variable. version differs too and can't be set.",
	},
	{
		name: "setting-changed", class: "sensitive", stack: "features",
		calls: []lab.Call{
			call("ssm", "put_parameter", params{"Name": "/atlas-test/page_size", "Description": "Setting Page Size", "Type": "String", "Value": "500", "Overwrite": true}),
		},
		want: []verdict{modified(`aws_ssm_parameter.setting["page_size"]`, "value").hiding("value")},
		note: "Sensitive by the schema only: the parameter is an ordinary string, and hidden all the same.",
	},
	{
		name: "target-input-changed", class: "sensitive", stack: "features",
		calls: []lab.Call{
			call("events", "put_targets", params{"Rule": "atlas-test-nightly", "Targets": list{params{"Id": "mail", "Arn": `${module.queue["mail"].aws_sqs_queue.this.arn}`, "Input": `{"task":"cleanup","token":"not-a-real-token-0002"}`}}}),
		},
		want: []verdict{modified("aws_cloudwatch_event_target.nightly", "input").hiding("input")},
		note: "Sensitive by the source only: a sensitive variable inside jsonencode. The state lists the path.",
	},
	{
		name: "secret-value-put", class: "sensitive", stack: "features",
		calls: []lab.Call{
			call("secretsmanager", "put_secret_value", params{"SecretId": "${aws_secretsmanager_secret.api.arn}", "SecretString": `{"token":"not-a-real-token-0002"}`}),
		},
		observed: []observation{seen("aws_secretsmanager_secret_version.api", "version_stages")},
		note:     "The resource is one version of the secret, by id, and that version never changes; only its stage does, which the source doesn't set. A plan can't see the new value.",
	},
	{
		name: "write-only-value-changed", class: "sensitive", stack: "features",
		calls: []lab.Call{
			call("ssm", "put_parameter", params{"Name": "/atlas-test/session-key", "Type": "SecureString", "Value": "not-a-real-token-0002", "Overwrite": true}),
		},
		observed: []observation{seen("aws_ssm_parameter.session_key", "version")},
		note:     "A write-only argument is never stored, so nothing can be compared: only the version shows that somebody wrote.",
	},

	// Several resources.
	{
		name: "two-resources", class: "multiple", stack: "features",
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 1}),
			call("iam", "untag_user", params{"UserName": "atlas-test-grace", "TagKeys": list{"login"}}),
		},
		want: []verdict{
			modified("aws_cloudwatch_log_group.app", "retention_in_days"),
			modified(`aws_iam_user.operator["grace"]`, `tags["login"]`, `tags_all["login"]`),
		},
		note: "Two findings, no more.",
	},
	{
		name: "changed-and-deleted", class: "multiple", stack: "features",
		calls: []lab.Call{
			call("cloudwatch", "delete_dashboards", params{"DashboardNames": list{"atlas-test"}}),
			call("ecr", "put_image_tag_mutability", params{"repositoryName": "atlas-test/app", "imageTagMutability": "MUTABLE"}),
			callWest("sqs", "set_queue_attributes", params{"QueueUrl": "${module.away_queue.aws_sqs_queue.this.url}", "Attributes": params{"DelaySeconds": "9"}}),
			call("ec2", "modify_vpc_attribute", params{"VpcId": "${aws_vpc.main.id}", "EnableNetworkAddressUsageMetrics": params{"Value": true}}),
		},
		want: []verdict{
			deleted("aws_cloudwatch_dashboard.main"),
			modified("aws_ecr_repository.app", "image_tag_mutability"),
			modified("module.away_queue.aws_sqs_queue.this", "delay_seconds"),
		},
		observed: []observation{seen("aws_vpc.main", "enable_network_address_usage_metrics")},
		note:     "One of each kind, two regions, and one that is only observed.",
	},
	{
		name: "disjoint-attributes-of-one-resource", class: "multiple", stack: "features",
		calls: []lab.Call{
			call("elbv2", "modify_target_group", params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 60}),
			call("elbv2", "modify_target_group_attributes", params{"TargetGroupArn": "${aws_lb_target_group.web.arn}", "Attributes": list{params{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}, params{"Key": "stickiness.enabled", "Value": "true"}}}),
			call("elbv2", "add_tags", params{"ResourceArns": list{"${aws_lb_target_group.web.arn}"}, "Tags": list{params{"Key": "rogue", "Value": "yes"}}}),
		},
		want: []verdict{modified("aws_lb_target_group.web", "deregistration_delay", "health_check[0].path", `tags["rogue"]`, `tags_all["rogue"]`)},
		note: "A default, a nested attribute and a tag count; an ignored attribute and a computed block don't.",
	},

	// Tainted.
	{
		name: "tainted", class: "tainted", stack: "features",
		terraform: []string{"taint", "aws_sns_topic.events"},
		pending:   []string{"aws_sns_topic.events"},
		note:      "A plan replaces it, and every computed attribute becomes unknown; its policy differs from what was applied, because a sibling owns it. None of that is drift.",
	},
	{
		name: "tainted-and-drift", class: "tainted", stack: "features",
		terraform: []string{"taint", "aws_cloudwatch_log_group.app"},
		calls: []lab.Call{
			call("logs", "put_retention_policy", params{"logGroupName": "/atlas-test/app", "retentionInDays": 1}),
		},
		want:    []verdict{modified("aws_cloudwatch_log_group.app", "retention_in_days")},
		pending: []string{"aws_cloudwatch_log_group.app"},
		note:    "Checked like any other.",
	},
	{
		name: "tainted-and-deleted", class: "tainted", stack: "features",
		terraform: []string{"taint", "aws_cloudwatch_dashboard.main"},
		calls: []lab.Call{
			call("cloudwatch", "delete_dashboards", params{"DashboardNames": list{"atlas-test"}}),
		},
		want: []verdict{deleted("aws_cloudwatch_dashboard.main")},
		note: "Deletion counts here too.",
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

// putIntegration sends what one of the stack's API methods does to uri.
func putIntegration(method, uri string) lab.Call {
	return call("apigateway", "put_integration", params{
		"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}", "httpMethod": method,
		"type": "AWS_PROXY", "integrationHttpMethod": "POST", "timeoutInMillis": 29000, "uri": uri,
	})
}

// putErrorsAlarm writes the function's alarm as it is applied, but for changes.
func putErrorsAlarm(changes params) lab.Call {
	alarm := params{
		"AlarmName": "photoeditor-dev-device-token-errors", "AlarmDescription": "The function photoeditor-dev-device-token fails or times out.",
		"Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1,
		"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching",
		"Dimensions": list{params{"Name": "FunctionName", "Value": "photoeditor-dev-device-token"}},
	}
	maps.Copy(alarm, changes)
	return call("cloudwatch", "put_metric_alarm", alarm)
}

var deviceTokensCases = []testCase{
	// Nothing changed, and ordinary use.
	{
		name: "tokens-untouched", class: "control", stack: "device-tokens",
		refreshOnly: 14,
		note:        "Fresh from apply.",
	},
	{
		name: "tokens-used", class: "noise", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "put_item", params{"TableName": "photoeditor-dev-device-tokens", "Item": params{"userId": params{"S": "u"}, "deviceId": params{"S": "d"}}}),
			call("logs", "create_log_stream", params{"logGroupName": "/aws/lambda/photoeditor-dev-device-token", "logStreamName": "2026/11/01/[$LATEST]0"}),
			call("apigateway", "create_deployment", params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}"}),
		},
		note: "An item, a log stream, a deployment that no stage uses.",
	},

	// The function.
	{
		name: "function-memory", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 512}),
		},
		want: []verdict{modified("aws_lambda_function.device_token", "memory_size")},
		note: "The seed's own example of a manual change.",
	},
	{
		name: "function-timeout-and-handler", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "Timeout": 60, "Handler": "debug.handler"}),
		},
		want: []verdict{modified("aws_lambda_function.device_token", "handler", "timeout")},
		note: "Two attributes.",
	},
	{
		name: "function-environment-added", class: "nested", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "Environment": params{"Variables": params{
				"TABLE_NAME": "photoeditor-dev-device-tokens", "TOKEN_LIFETIME_DAYS": "90", "DEBUG": "1",
			}}}),
		},
		want: []verdict{modified("aws_lambda_function.device_token", `environment[0].variables["DEBUG"]`)},
		note: "A key of a map in a block.",
	},
	{
		name: "function-environment-changed", class: "nested", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "Environment": params{"Variables": params{
				"TABLE_NAME": "photoeditor-dev-device-tokens", "TOKEN_LIFETIME_DAYS": "1",
			}}}),
		},
		want: []verdict{modified("aws_lambda_function.device_token", `environment[0].variables["TOKEN_LIFETIME_DAYS"]`)},
		note: "A number variable that becomes a string in a map of strings.",
	},
	{
		name: "function-runtime", class: "evaluation", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "Runtime": "nodejs22.x", "Description": "by hand"}),
		},
		want: []verdict{modified("aws_lambda_function.device_token", "description", "runtime")},
		note: "A variable's default, and a literal.",
	},
	{
		name: "function-code-replaced", class: "computed", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_code", params{"FunctionName": "photoeditor-dev-device-token", "ZipFile": "by hand"}),
		},
		observed: []observation{seen("aws_lambda_function.device_token", "code_sha256", "source_code_size")},
		note:     "The recorded source_code_hash is the source's own and stays; the API's hash is only reported (on AWS also last_modified, which the emulator keeps). A plan can't see it.",
	},
	{
		name: "function-concurrency-reserved", class: "unset", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "put_function_concurrency", params{"FunctionName": "photoeditor-dev-device-token", "ReservedConcurrentExecutions": 5}),
		},
		want: []verdict{modified("aws_lambda_function.device_token", "reserved_concurrent_executions")},
		note: "The provider's default is -1. (0, which switches the function off, is lost in the emulator.)",
	},
	{
		name: "function-deleted", class: "deletion", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "delete_function", params{"FunctionName": "photoeditor-dev-device-token"}),
		},
		want: []verdict{deleted("aws_lambda_function.device_token"), deleted("aws_lambda_permission.api_gateway")},
		note: "The permission is part of the function. What refers to the function is as applied.",
	},
	{
		name: "permission-redirected", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "remove_permission", params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway"}),
			call("lambda", "add_permission", params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": "arn:aws:execute-api:us-east-1:123456789012:*"}),
		},
		want: []verdict{modified("aws_lambda_permission.api_gateway", "source_arn").replacing("source_arn")},
		note: "A statement can't be changed, so a revert replaces it.",
	},
	{
		name: "permission-without-condition", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "remove_permission", params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway"}),
			call("lambda", "add_permission", params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"}),
		},
		note: "By hand: drift in source_arn, since any API may invoke the function now. A plan says otherwise: the provider doesn't reset source_arn when the statement has no condition, so it reads what it was given. Nothing that asks the provider can see this.",
	},
	{
		name: "permission-removed", class: "deletion", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "remove_permission", params{"FunctionName": "photoeditor-dev-device-token", "StatementId": "AllowInvokeFromApiGateway"}),
		},
		want: []verdict{deleted("aws_lambda_permission.api_gateway")},
		note: "The function stays.",
	},

	// The table and its key.
	{
		name: "table-ttl-off", class: "nested", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "update_time_to_live", params{"TableName": "photoeditor-dev-device-tokens", "TimeToLiveSpecification": params{"Enabled": false, "AttributeName": "expiresAt"}}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", "ttl[0].enabled")},
		note: "By hand also ttl[0].attribute_name: DynamoDB names no attribute once TTL is off. The emulator still does.",
	},
	{
		name: "table-recovery-off", class: "nested", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "update_continuous_backups", params{"TableName": "photoeditor-dev-device-tokens", "PointInTimeRecoverySpecification": params{"PointInTimeRecoveryEnabled": false}}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", "point_in_time_recovery[0].enabled")},
		note: "A boolean in a block.",
	},
	{
		name: "table-provisioned", class: "computed", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "update_table", params{"TableName": "photoeditor-dev-device-tokens", "BillingMode": "PROVISIONED", "ProvisionedThroughput": params{"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", "billing_mode")},
		note: "The capacities change with it; they are computed and not set.",
	},
	{
		name: "table-protected", class: "evaluation", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "update_table", params{"TableName": "photoeditor-dev-device-tokens", "DeletionProtectionEnabled": true}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", "deletion_protection_enabled")},
		note: "The source sets it by a comparison, to false outside of prod.",
	},
	{
		name: "table-streaming", class: "unset", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "update_table", params{"TableName": "photoeditor-dev-device-tokens", "StreamSpecification": params{"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", "stream_enabled")},
		note: "Optional and not in the source; the stream's view type and names are computed.",
	},
	{
		name: "table-tagged", class: "tags", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "tag_resource", params{"ResourceArn": "${aws_dynamodb_table.device_tokens.arn}", "Tags": list{params{"Key": "Component", "Value": "mine"}, params{"Key": "rogue", "Value": "yes"}}}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", `tags["Component"]`, `tags["rogue"]`, `tags_all["Component"]`, `tags_all["rogue"]`)},
		note: "All tags of this stack are default tags: one overridden, one more.",
	},
	{
		name: "table-default-tag-removed", class: "tags", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "untag_resource", params{"ResourceArn": "${aws_dynamodb_table.device_tokens.arn}", "TagKeys": list{"Project"}}),
		},
		want: []verdict{modified("aws_dynamodb_table.device_tokens", `tags_all["Project"]`)},
		note: "Only tags_all shows it.",
	},
	{
		name: "table-deleted", class: "deletion", stack: "device-tokens",
		calls: []lab.Call{
			call("dynamodb", "delete_table", params{"TableName": "photoeditor-dev-device-tokens"}),
		},
		want: []verdict{deleted("aws_dynamodb_table.device_tokens")},
		note: "The role's policy still names its ARN, as applied.",
	},
	{
		name: "key-rotation-off", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("kms", "disable_key_rotation", params{"KeyId": "${aws_kms_key.device_tokens.key_id}"}),
		},
		want: []verdict{modified("aws_kms_key.device_tokens", "enable_key_rotation")},
		note: "The rotation period is computed.",
	},
	{
		name: "key-disabled", class: "unset", stack: "device-tokens",
		calls: []lab.Call{
			call("kms", "disable_key", params{"KeyId": "${aws_kms_key.device_tokens.key_id}"}),
		},
		want: []verdict{modified("aws_kms_key.device_tokens", "is_enabled")},
		note: "A default of true.",
	},
	{
		name: "key-policy-widened", class: "json", stack: "device-tokens",
		calls: []lab.Call{
			call("kms", "put_key_policy", params{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PolicyName": "default", "Policy": `{"Version":"2012-10-17","Statement":[{"Sid":"AccountDecidesThroughIAM","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`}),
		},
		want: []verdict{modified("aws_kms_key.device_tokens", "policy")},
		note: "Optional and computed, and the source sets it, from a data source.",
	},
	{
		name: "key-policy-rewritten", class: "json", stack: "device-tokens",
		calls: []lab.Call{
			call("kms", "put_key_policy", params{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PolicyName": "default", "Policy": `{ "Statement": [ { "Resource": ["*"], "Action": ["kms:*"], "Principal": { "AWS": ["arn:aws:iam::123456789012:root"] }, "Effect": "Allow", "Sid": "AccountDecidesThroughIAM" } ], "Version": "2012-10-17" }`}),
		},
		note: "The same policy in other words.",
	},
	{
		name: "key-scheduled-for-deletion", class: "deletion", stack: "device-tokens",
		calls: []lab.Call{
			call("kms", "schedule_key_deletion", params{"KeyId": "${aws_kms_key.device_tokens.key_id}", "PendingWindowInDays": 7}),
		},
		want: []verdict{deleted("aws_kms_key.device_tokens")},
		note: "The provider takes a key that waits for its deletion for gone. Its alias is still there.",
	},
	{
		name: "key-alias-deleted", class: "deletion", stack: "device-tokens",
		calls: []lab.Call{
			call("kms", "delete_alias", params{"AliasName": "alias/photoeditor-dev-device-tokens"}),
		},
		want: []verdict{deleted("aws_kms_alias.device_tokens")},
		note: "The key stays.",
	},

	// The role.
	{
		name: "role-policy-widened", class: "json", stack: "device-tokens",
		calls: []lab.Call{
			call("iam", "put_role_policy", params{"RoleName": "photoeditor-dev-device-token", "PolicyName": "photoeditor-dev-device-token", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}),
		},
		want: []verdict{modified("aws_iam_role_policy.device_token", "policy")},
		note: "The role reports its inline policies too, and doesn't set them.",
	},
	{
		name: "role-policy-rewritten", class: "json", stack: "device-tokens",
		calls: []lab.Call{
			call("iam", "put_role_policy", params{"RoleName": "photoeditor-dev-device-token", "PolicyName": "photoeditor-dev-device-token", "PolicyDocument": `{
  "Statement": [
    { "Resource": ["${aws_dynamodb_table.device_tokens.arn}"], "Action": ["dynamodb:UpdateItem", "dynamodb:DeleteItem"], "Effect": "Allow", "Sid": "WriteDeviceTokens" },
    { "Condition": { "StringEquals": { "kms:ViaService": ["dynamodb.us-east-1.amazonaws.com"] } }, "Resource": "${aws_kms_key.device_tokens.arn}", "Action": "kms:Decrypt", "Effect": "Allow", "Sid": "UseTableKeyThroughDynamoDB" },
    { "Resource": "${aws_cloudwatch_log_group.device_token.arn}:*", "Action": ["logs:PutLogEvents", "logs:CreateLogStream"], "Effect": "Allow", "Sid": "WriteOwnLog" }
  ],
  "Version": "2012-10-17"
}`}),
		},
		note: "The same policy in other words, with references to three resources.",
	},
	{
		name: "role-policy-attached", class: "computed", stack: "device-tokens",
		calls: []lab.Call{
			call("iam", "create_policy", params{"PolicyName": "by-hand", "PolicyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`}),
			call("iam", "attach_role_policy", params{"RoleName": "photoeditor-dev-device-token", "PolicyArn": "arn:aws:iam::123456789012:policy/by-hand"}),
		},
		observed: []observation{seen("aws_iam_role.device_token", "inline_policy", "managed_policy_arns")},
		note:     "Computed where the source doesn't claim the whole list. inline_policy differs without drift, because a sibling resource owns it.",
	},

	// Logs and alarms.
	{
		name: "function-log-kept-for-ever", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("logs", "delete_retention_policy", params{"logGroupName": "/aws/lambda/photoeditor-dev-device-token"}),
		},
		want: []verdict{modified("aws_cloudwatch_log_group.device_token", "retention_in_days")},
		note: "Live is 0.",
	},
	{
		name: "alarm-threshold", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			putErrorsAlarm(params{"Threshold": 100}),
		},
		want: []verdict{modified("aws_cloudwatch_metric_alarm.lambda_errors", "threshold")},
		note: "From 0, which is a value and not an absence.",
	},
	{
		name: "alarm-silenced", class: "unset", stack: "device-tokens",
		calls: []lab.Call{
			putErrorsAlarm(params{"ActionsEnabled": false}),
		},
		want: []verdict{modified("aws_cloudwatch_metric_alarm.lambda_errors", "actions_enabled")},
		note: "A default of true.",
	},
	{
		name: "alarm-query-edited", class: "dynamic", stack: "device-tokens",
		calls: []lab.Call{
			call("cloudwatch", "put_metric_alarm", params{
				"AlarmName": "photoeditor-dev-device-tokens-throttling", "AlarmDescription": "DynamoDB throttles requests to the table photoeditor-dev-device-tokens.",
				"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": "notBreaching",
				"Metrics": list{
					params{"Id": "throttled", "Label": "Throttled requests", "Expression": "MAX(FILL(METRICS(), 0))", "ReturnData": true},
					params{"Id": "deleteitem", "ReturnData": false, "MetricStat": params{"Stat": "Sum", "Period": 300, "Metric": params{"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledRequests", "Dimensions": list{params{"Name": "TableName", "Value": "photoeditor-dev-device-tokens"}, params{"Name": "Operation", "Value": "DeleteItem"}}}}},
					params{"Id": "updateitem", "ReturnData": false, "MetricStat": params{"Stat": "Sum", "Period": 300, "Metric": params{"Namespace": "AWS/DynamoDB", "MetricName": "ThrottledRequests", "Dimensions": list{params{"Name": "TableName", "Value": "photoeditor-dev-device-tokens"}, params{"Name": "Operation", "Value": "UpdateItem"}}}}},
				},
			}),
		},
		want: []verdict{modified("aws_cloudwatch_metric_alarm.dynamodb_throttling", "metric_query")},
		note: "A set of blocks, some of them from a dynamic block.",
	},
	{
		name: "alarms-deleted", class: "multiple", stack: "device-tokens",
		calls: []lab.Call{
			call("cloudwatch", "delete_alarms", params{"AlarmNames": list{"photoeditor-dev-device-tokens-throttling", "photoeditor-dev-device-tokens-system-errors"}}),
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 1024}),
		},
		want: []verdict{
			deleted("aws_cloudwatch_metric_alarm.dynamodb_system_errors"),
			deleted("aws_cloudwatch_metric_alarm.dynamodb_throttling"),
			modified("aws_lambda_function.device_token", "memory_size"),
		},
		note: "Three findings.",
	},

	// The API.
	{
		name: "method-opened", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("apigateway", "delete_method", params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}", "httpMethod": "POST"}),
			call("apigateway", "put_method", params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}", "httpMethod": "POST", "authorizationType": "NONE"}),
			putIntegration("POST", "${aws_lambda_function.device_token.invoke_arn}"),
		},
		want: []verdict{modified(`aws_api_gateway_method.device_tokens["POST"]`, "authorization")},
		note: "Made anew, because the emulator can't update a method. The integration is as it was.",
	},
	{
		name: "integration-redirected", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			putIntegration("DELETE", elsewhere),
		},
		want: []verdict{modified(`aws_api_gateway_integration.device_tokens["DELETE"]`, "uri")},
		note: "One of two by for_each.",
	},
	{
		name: "resource-deleted", class: "deletion", stack: "device-tokens",
		calls: []lab.Call{
			call("apigateway", "delete_resource", params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "resourceId": "${aws_api_gateway_resource.device_tokens.id}"}),
		},
		want: []verdict{
			deleted("aws_api_gateway_resource.device_tokens"),
			deleted(`aws_api_gateway_method.device_tokens["DELETE"]`), deleted(`aws_api_gateway_method.device_tokens["POST"]`),
			deleted(`aws_api_gateway_integration.device_tokens["DELETE"]`), deleted(`aws_api_gateway_integration.device_tokens["POST"]`),
		},
		note: "With its methods and integrations. The deployment and the permission are as applied, though a plan can't know their new values.",
	},
	{
		name: "stage-variable", class: "unset", stack: "device-tokens",
		calls: []lab.Call{
			call("apigateway", "update_stage", params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "stageName": "dev", "patchOperations": list{params{"op": "replace", "path": "/variables/mode", "value": "debug"}}}),
		},
		want: []verdict{modified("aws_api_gateway_stage.device_tokens", `variables["mode"]`)},
		note: "An optional map that the source doesn't set.",
	},
	{
		name: "api-described", class: "plain", stack: "device-tokens",
		calls: []lab.Call{
			call("apigateway", "update_rest_api", params{"restApiId": "${aws_api_gateway_rest_api.device_tokens.id}", "patchOperations": list{params{"op": "replace", "path": "/description", "value": "by hand"}}}),
		},
		want: []verdict{modified("aws_api_gateway_rest_api.device_tokens", "description")},
		note: "Optional and computed, and the source sets it.",
	},

	// Code changed and not applied.
	{
		name: "tokens-code-value-changed", class: "pending", stack: "device-tokens",
		edits: []sourceEdit{
			replaceIn("lambda.tf", "memory_size      = 128", "memory_size      = 256"),
		},
		pending: []string{"aws_lambda_function.device_token"},
		note:    "Nobody touched the function.",
	},
	{
		name: "tokens-code-value-changed-and-drift", class: "pending", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "Timeout": 60}),
		},
		edits: []sourceEdit{
			replaceIn("lambda.tf", "memory_size      = 128", "memory_size      = 256"),
		},
		want:    []verdict{modified("aws_lambda_function.device_token", "timeout")},
		pending: []string{"aws_lambda_function.device_token"},
		note:    "memory_size is planned, but live and applied agree on it.",
	},
	{
		name: "tokens-default-tag-added-and-drift", class: "pending", stack: "device-tokens", alone: true,
		calls: []lab.Call{
			call("dynamodb", "update_continuous_backups", params{"TableName": "photoeditor-dev-device-tokens", "PointInTimeRecoverySpecification": params{"PointInTimeRecoveryEnabled": false}}),
		},
		edits: []sourceEdit{
			replaceIn("main.tf", `Component   = "device-tokens"`, `Component = "device-tokens", CostCentre = "4711"`),
		},
		want:    []verdict{modified("aws_dynamodb_table.device_tokens", "point_in_time_recovery[0].enabled")},
		pending: []string{"aws_dynamodb_table.device_tokens", "aws_kms_key.device_tokens"},
		note:    "Not the default tags.",
	},
	{
		name: "tokens-adopted", class: "adopted", stack: "device-tokens",
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "MemorySize": 256, "Timeout": 60}),
		},
		edits: []sourceEdit{
			replaceIn("lambda.tf", "memory_size      = 128", "memory_size      = 256"),
		},
		want:    []verdict{modified("aws_lambda_function.device_token", "timeout")},
		adopted: []observation{seen("aws_lambda_function.device_token", "memory_size")},
		note:    "One of two taken into the code.",
	},
	{
		name: "tokens-orphan-by-for-each", class: "orphan", stack: "device-tokens",
		calls: []lab.Call{
			putIntegration("DELETE", elsewhere),
			putIntegration("POST", elsewhere),
		},
		edits: []sourceEdit{
			replaceIn("apigateway.tf", `api_methods = toset(["DELETE", "POST"])`, `api_methods = toset(["POST"])`),
		},
		want:    []verdict{modified(`aws_api_gateway_integration.device_tokens["POST"]`, "uri")},
		pending: []string{`aws_api_gateway_integration.device_tokens["DELETE"]`, `aws_api_gateway_method.device_tokens["DELETE"]`},
		note:    "The same change on two instances: one is about to be destroyed.",
	},
	{
		name: "tokens-moved-and-drift", class: "moved", stack: "device-tokens",
		calls: []lab.Call{
			putErrorsAlarm(params{"ActionsEnabled": false}),
		},
		edits: []sourceEdit{
			replaceIn("cloudwatch.tf", `resource "aws_cloudwatch_metric_alarm" "lambda_errors"`, `resource "aws_cloudwatch_metric_alarm" "function_errors"`),
			appendTo("moved.tf", "moved {\n  from = aws_cloudwatch_metric_alarm.lambda_errors\n  to   = aws_cloudwatch_metric_alarm.function_errors\n}\n"),
		},
		want: []verdict{modified("aws_cloudwatch_metric_alarm.function_errors", "actions_enabled")},
		note: "By the source of its new name.",
	},
	{
		name: "tokens-tainted-and-drift", class: "tainted", stack: "device-tokens",
		terraform: []string{"taint", "aws_lambda_function.device_token"},
		calls: []lab.Call{
			call("lambda", "update_function_configuration", params{"FunctionName": "photoeditor-dev-device-token", "Timeout": 60}),
		},
		want:    []verdict{modified("aws_lambda_function.device_token", "timeout")},
		pending: []string{"aws_lambda_function.device_token"},
		note:    "What depends on the function is planned anew as well, with unknown values: not drift.",
	},
}

// TestCasesAreWellFormed holds the table to its own rules, so that a case can't
// pass by accident: an edit that matches nothing would test nothing.
func TestCasesAreWellFormed(t *testing.T) {
	t.Parallel()

	names := map[string]bool{}
	for _, c := range cases {
		if names[c.name] {
			t.Errorf("%s: the name occurs twice", c.name)
		}
		names[c.name] = true
		if classes[c.class] == "" {
			t.Errorf("%s: unknown class %q", c.name, c.class)
		}
		if c.note == "" {
			t.Errorf("%s: no note", c.name)
		}
		for _, v := range c.want {
			if (v.kind == "modified") != (len(v.paths) > 0) {
				t.Errorf("%s: %s is %s with %d paths", c.name, v.address, v.kind, len(v.paths))
			}
			for _, path := range slices.Concat(v.sensitive, v.replace) {
				if !slices.Contains(v.paths, path) {
					t.Errorf("%s: %s marks %s, which is not among its paths", c.name, v.address, path)
				}
			}
		}
		checkEdits(t, c)
	}
}

func checkEdits(t *testing.T, c testCase) {
	t.Helper()

	folders := map[string]string{
		"features":      filepath.Join("testdata", "features"),
		"device-tokens": filepath.Join("..", "..", "examples", "device-tokens"),
	}
	for _, edit := range c.edits {
		if (edit.old == "") != (edit.text != "") {
			t.Errorf("%s: an edit of %s both replaces and appends, or neither", c.name, edit.file)
			continue
		}
		if edit.old == "" {
			continue
		}
		source, err := os.ReadFile(filepath.Join(folders[c.stack], filepath.FromSlash(edit.file)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if n := strings.Count(string(source), edit.old); n != 1 {
			t.Errorf("%s: %q occurs %d times in %s", c.name, edit.old, n, edit.file)
		}
	}
}
