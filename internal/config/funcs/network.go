package funcs

import (
	"net"
	"strings"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

var networkFunctions = map[string]function.Function{
	"cidrcontains": cidrContains,
	"cidrhost":     cidrHost,
	"cidrnetmask":  cidrNetmask,
	"cidrsubnet":   cidrSubnet,
	"cidrsubnets":  cidrSubnets,
}

func numeric(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.Number}
}

var cidrHost = define(cty.String, append(texts("prefix"), numeric("hostnum")), func(args []cty.Value) (cty.Value, error) {
	n, err := whole(args, 1)
	if err != nil {
		return cty.NilVal, err
	}
	prefix, err := parsePrefix(args, 0)
	if err != nil {
		return cty.NilVal, err
	}
	ip, err := cidr.HostBig(prefix, n)
	if err != nil {
		return cty.NilVal, bad(1, "the prefix has no such host", "%s", err)
	}
	return cty.StringVal(ip.String()), nil
})

var cidrNetmask = define(cty.String, texts("prefix"), func(args []cty.Value) (cty.Value, error) {
	prefix, err := parsePrefix(args, 0)
	if err != nil {
		return cty.NilVal, err
	}
	if prefix.IP.To4() == nil {
		return cty.NilVal, bad(0, "IPv6 has no netmasks", "%s", prefix)
	}
	return cty.StringVal(net.IP(prefix.Mask).String()), nil
})

var cidrSubnet = define(cty.String, append(texts("prefix"), numeric("newbits"), numeric("netnum")), func(args []cty.Value) (cty.Value, error) {
	bits, err := small(args, 1)
	if err != nil {
		return cty.NilVal, err
	}
	n, err := whole(args, 2)
	if err != nil {
		return cty.NilVal, err
	}
	prefix, err := parsePrefix(args, 0)
	if err != nil {
		return cty.NilVal, err
	}
	subnet, err := cidr.SubnetBig(prefix, bits, n)
	if err != nil {
		return cty.NilVal, bad(noArg, "the prefix has no such subnet", "%s", err)
	}
	return cty.StringVal(subnet.String()), nil
})

// cidrSubnets allocates subnets one after the other, each extending the prefix
// by its own number of bits.
var cidrSubnets = function.New(&function.Spec{
	Params:       texts("prefix"),
	VarParam:     &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:         function.StaticReturnType(cty.List(cty.String)),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		prefix, err := parsePrefix(args, 0)
		if err != nil {
			return cty.NilVal, err
		}
		var out []string
		var previous *net.IPNet
		for i := 1; i < len(args); i++ {
			if previous, err = nextSubnet(prefix, previous, args, i); err != nil {
				return cty.NilVal, err
			}
			out = append(out, previous.String())
		}
		return stringList(out), nil
	},
})

// nextSubnet is the first one of args[i] more bits after previous, which is nil
// for the start of the prefix.
func nextSubnet(prefix, previous *net.IPNet, args []cty.Value, i int) (*net.IPNet, error) {
	bits, err := small(args, i)
	if err != nil {
		return nil, err
	}
	used, size := prefix.Mask.Size()
	if bits < 1 || bits > 32 || used+bits > size {
		return nil, bad(i, "it must be a number of bits from 1 to 32 that the address has left", "%d given", bits)
	}
	if previous == nil {
		previous, _ = cidr.PreviousSubnet(prefix, used+bits)
	}
	next, wrapped := cidr.NextSubnet(previous, used+bits)
	if wrapped || !prefix.Contains(next.IP) {
		return nil, bad(i, "the prefix has no room left for it", "%s after %s", prefix, previous)
	}
	return next, nil
}

// cidrContains is OpenTofu's. The second argument is an address or a prefix.
var cidrContains = define(cty.Bool, texts("containing_prefix", "contained_ip_or_prefix"), func(args []cty.Value) (cty.Value, error) {
	outer, err := parsePrefix(args, 0)
	if err != nil {
		return cty.NilVal, err
	}
	first := net.ParseIP(withoutLeadingZeros(args[1].AsString()))
	last := first
	if first == nil {
		inner, err := parsePrefix(args, 1)
		if err != nil {
			return cty.NilVal, err
		}
		first, last = cidr.AddressRange(inner)
	}
	if (first.To4() == nil) != (outer.IP.To4() == nil) {
		return cty.NilVal, bad(1, "one argument is IPv4 and the other IPv6", "")
	}
	return cty.BoolVal(outer.Contains(first) && outer.Contains(last)), nil
})

func parsePrefix(args []cty.Value, i int) (*net.IPNet, error) {
	_, prefix, err := net.ParseCIDR(withoutLeadingZeros(args[i].AsString()))
	if err != nil {
		return nil, bad(i, "it is not an address prefix in CIDR notation", "%q", args[i].AsString())
	}
	return prefix, nil
}

// withoutLeadingZeros writes an address as Go now insists on: Terraform reads
// 010.1.2.3 as 10.1.2.3, as Go did until 1.17.
func withoutLeadingZeros(s string) string {
	address, length, isPrefix := strings.Cut(s, "/")
	var out strings.Builder
	atStart := true // of a group of digits
	for i := range len(address) {
		c := address[i]
		if atStart && c == '0' && i+1 < len(address) && isHex(address[i+1]) {
			continue
		}
		out.WriteByte(c)
		atStart = c == '.' || c == ':'
	}
	if isPrefix {
		out.WriteString("/" + length)
	}
	return out.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
