package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"holdfast/internal/state"
)

// missing reports whether there is no such object, which a missing bucket is
// not.
func missing(err error) bool {
	_, is := errors.AsType[*types.NoSuchKey](err)
	return is
}

// forbidden reports whether access was refused.
func forbidden(err error) bool {
	answer, is := errors.AsType[*awshttp.ResponseError](err)
	return is && answer.HTTPStatusCode() == http.StatusForbidden
}

// explain makes an error of the SDK one that says what failed, and the next
// step. permission is what reading needs.
func (b *Backend) explain(doing, permission string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	}
	return state.Hide(fmt.Errorf("%s: %w; %s", doing, &brief{err}, b.advice(permission, err)), b.hide...)
}

// brief is an error of the SDK with only AWS's own words, if there are some: the
// rest names requests and hosts.
type brief struct{ err error }

func (e *brief) Unwrap() error { return e.err }

func (e *brief) Error() string {
	if none, is := errors.AsType[*credentialsError](e.err); is {
		return none.Error()
	}
	if unsent, is := errors.AsType[*url.Error](e.err); is {
		return unsent.Err.Error()
	}
	api, is := errors.AsType[smithy.APIError](e.err)
	if !is {
		return e.err.Error()
	}
	text := api.ErrorCode()
	if api.ErrorMessage() != "" {
		text += ": " + api.ErrorMessage()
	}
	if assuming(e.err) {
		text = "assuming the role: " + text
	}
	return text
}

// assuming reports whether it is STS that refused, before the request for the
// state could be made.
func assuming(err error) bool {
	for {
		operation, is := errors.AsType[*smithy.OperationError](err)
		if !is {
			return false
		}
		if operation.Service() == "STS" {
			return true
		}
		err = operation.Err
	}
}

// advice is the next step.
func (b *Backend) advice(permission string, err error) string {
	if _, is := errors.AsType[*credentialsError](err); is {
		return "set AWS_PROFILE or AWS_ACCESS_KEY_ID, or profile in the backend block"
	}
	if _, is := errors.AsType[*ssocreds.InvalidTokenError](err); is {
		return "run `aws sso login`: the session has ended"
	}
	if _, is := errors.AsType[*ddbtypes.ResourceNotFoundException](err); is {
		return "name a table that exists as dynamodb_table of the backend, and mind the region " + b.session.region
	}
	api, is := errors.AsType[smithy.APIError](err)
	if !is {
		return "see whether the endpoint can be reached from here, and try again"
	}
	if assuming(err) {
		permission = "sts:AssumeRole on the role, and see that it trusts these credentials,"
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedAccess":
		return "allow " + permission + " or use other credentials"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidSignatureException":
		return "use other credentials: these are wrong"
	case "ExpiredToken", "ExpiredTokenException", "InvalidToken", "RequestExpired":
		return "sign in again: the session has ended"
	case "NoSuchBucket":
		return "see whether bucket and endpoint of the backend are right"
	case "PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return "set region of the backend to the bucket's, which is not " + b.session.region
	case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "ProvisionedThroughputExceededException":
		return "try again later, or with fewer stacks at a time"
	}
	return "try again; if it stays, see what AWS says of this error"
}
