// Package providertest is a Terraform provider for tests, and the infrastructure
// that it manages: a folder of JSON files, which a test changes to make drift.
//
// The provider is written with terraform-plugin-go, HashiCorp's side of the
// plugin protocol, and so shares no code with our client. A test binary turns
// into it:
//
//	func TestMain(m *testing.M) {
//		providertest.Main() // does not return in a process started as a provider
//		os.Exit(m.Run())
//	}
//
//	func TestSomething(t *testing.T) {
//		w := providertest.NewWorld(t)
//		pkg := providertest.Install(t, mirror, providertest.Five, "1.0.0")
//		providertest.WriteLock(t, module, pkg)
//		w.Provision(t, module, pkg, providertest.Resource{Type: "test_simple", Name: "a", Attributes: map[string]any{"name": "x"}})
//		w.Edit(t, "test_simple", "a", func(o map[string]any) { o["note"] = "by hand" })
//		// start the provider with w.Env() in its environment
//		w.AssertReadOnly(t)
//	}
//
// # Protocols
//
// The name of the executable decides: a provider whose type has "six" in it
// (example.com/test/six) speaks protocol 6, any other protocol 5. Both have the
// same types but for test_nested, which only protocol 6 can describe.
//
// # The provider's configuration
//
//	provider "test" {
//	  dir    = "/path"           # the world; else TESTPROVIDER_DIR
//	  region = "here"            # test_process shows it
//	  token  = "secret"          # sensitive; "wrong" is refused, with the token in the message
//	  file   = "relative/path"   # means nothing
//	  behave = { ReadResource = "slow:0.2" }
//	  assume { role = "reader" } # means nothing
//	}
//
// A provider_meta block takes module_name.
//
// # Resource types
//
// Every type has a computed id, the name of the object's file.
//
//   - test_simple: name (required, a change of it replaces the object), note,
//     size, enabled, tags (map), zones (set), ports (list), label (in a plan
//     upper and lower case are the same), color (optional and computed; blue),
//     secret (sensitive), arn (computed from name).
//   - test_blocks: a block of each nesting: one (single), step (list, each with a
//     block option, also a list, and a computed number), rule (set), part (map),
//     base (group). Each has a name and an optional and computed mode.
//   - test_nested, protocol 6 only: attributes with nested attributes: one, list,
//     set, map, each with name, mode (optional and computed), secret (sensitive);
//     one also has a write-only pin. all is computed: the number of elements.
//   - test_sets: a set of objects (pairs), a set of objects in a computed
//     attribute (found), and a block that is a set with an optional and computed
//     port.
//   - test_dynamic: value, of any type; pair, an object with a field of any type;
//     a single block, wrap, with a value of any type. In a file and in a state a
//     value of any type is {"type": TYPE, "value": VALUE}.
//   - test_secret: user, password (sensitive), token_wo (write-only) and
//     token_wo_version. The write-only one is never stored anywhere.
//   - test_volatile: name, and read_at (computed), different at each read.
//   - test_upgraded: schema version 2. Version 1 had title in place of name;
//     version 0 is attributes_flat with title and tags.
//   - test_identified: a resource identity (version 1: bucket and region; version
//     0 had name in place of bucket). bucket is required, region computed.
//   - test_legacy: on the legacy SDK's type system (the flag is set in a plan):
//     its collections of blocks are null when there are none, strings may be ""
//     where null is meant, and its blocks setting are computed behind the
//     schema's back: if the configuration has none, those that are there stay.
//   - test_meta: seen_by (computed) is the provider_meta's module_name.
//
// # Data sources
//
//   - test_process: of the provider's process: pid, dir, args, environment, stdin
//     (whether it can be read from), terraform_version, region, and configured,
//     how often it was configured.
//   - test_lookup: value of the key, from the world's file data/KEY.json.
//   - test_identity: account, from the world's file account.json.
//   - aws_caller_identity: account_id, arn, id, user_id, from the same: for a
//     provider that is installed as hashicorp/aws.
//
// # Behaviours
//
// What a call does beside answering is a list, separated by ";", of
//
//	slow:SECONDS    takes its time
//	hang            never answers
//	wait:FILE       answers when the file is there
//	spawn           starts a child that lives for two minutes
//	spawn:detached  the same in a process group of its own
//	print:TEXT      prints TEXT to its standard error, as Go code does
//	stderr:TEXT     writes TEXT to file descriptor 2, as the Go runtime does
//	exit:TEXT       writes TEXT to file descriptor 2 and exits with 3
//	panic:TEXT      panics
//	fail:TEXT       answers with an error of gRPC
//	error:TEXT      answers with a diagnostic at the attribute note
//	warn:TEXT       answers with a warning, too
//	denied          answers with a diagnostic like that of a cloud that refuses
//	garbage         answers with bytes that are no MessagePack
//	other           answers with a value of another type
//	trailing        answers with bytes after a null
//	missing         answers without a value
//	empty           answers with a value that has no bytes
//	null            answers with a null
//	unknown         answers with an unknown value
//	deferred        defers the answer
//	json            answers in JSON, as the protocol allows
//	pad:MEGABYTES   makes a schema larger
//
// They are set for a method ("ReadResource"), or a method and a type
// ("ReadResource test_simple"), with World.Behave or the provider's
// configuration, and for one object with World.BehaveAt. The method Start is the
// process before it serves anything, and knows besides
//
//	garbage         prints a line that is no handshake
//	protocol:N      shakes hands for another protocol
//	notls           shakes hands without a certificate
//	ownsocket       listens where a provider from before 2023 does, in TMPDIR
//	first           exits at the first call
package providertest
