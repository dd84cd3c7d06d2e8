package lab

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
)

// Call is one AWS API call, in boto3's words. It is how something is changed
// behind Terraform's back.
type Call struct {
	Service string // "dynamodb"
	Method  string // "update_time_to_live"
	Region  string // empty: us-east-1
	// Params are the method's keyword arguments. A []byte is passed as bytes.
	// Strings may hold placeholders for Stack.Resolve.
	Params map[string]any
	// Endpoint is where to send the call. Empty: the emulator itself. The URL of
	// a Proxy in front of it makes the call go through that.
	Endpoint string
	// Key is the access key to sign with, which a Trail tells callers apart by.
	// Empty: that of everybody.
	Key string
}

// CallError is AWS's refusal of a call, as boto3 understood it.
type CallError struct {
	Service, Method string
	Code            string // AWS's error code, such as AccessDeniedException
	Message         string
}

func (e *CallError) Error() string {
	return fmt.Sprintf("%s %s: %s: %s", e.Service, e.Method, e.Code, e.Message)
}

// Call runs one API call with boto3 and returns its result: numbers as
// json.Number, dates as RFC 3339 text, bytes as text, or as
// {"$base64": "..."} where they are none. The error is a *CallError if AWS
// refused. Makes no second try. Given up by ctx, the call may still be made.
func (e *Emulator) Call(ctx context.Context, call Call) (map[string]any, error) {
	c := command{
		Op: "call", Service: call.Service, Method: call.Method,
		Region: call.Region, Endpoint: call.Endpoint, Key: call.Key, Params: encode(call.Params),
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Endpoint == "" {
		c.Endpoint = e.URL()
	}
	var result map[string]any
	err := e.process.do(ctx, c, &result)
	var refused *replyError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &refused) && refused.code != "":
		return nil, &CallError{call.Service, call.Method, refused.code, refused.message}
	default:
		return nil, fmt.Errorf("call %s %s: %w", call.Service, call.Method, err)
	}
}

// encode makes bytes recognisable in JSON.
func encode(value any) any {
	switch v := value.(type) {
	case []byte:
		return map[string]any{"$base64": base64.StdEncoding.EncodeToString(v)}
	case map[string]any:
		encoded := make(map[string]any, len(v))
		for key, item := range v {
			encoded[key] = encode(item)
		}
		return encoded
	case []any:
		encoded := make([]any, len(v))
		for i, item := range v {
			encoded[i] = encode(item)
		}
		return encoded
	default:
		return value
	}
}
