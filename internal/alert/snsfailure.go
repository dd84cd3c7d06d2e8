package alert

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

const (
	allowPublish   = "allow sns:Publish on it, in the policy of who sends or in that of the topic"
	newCredentials = "give credentials that are valid"
	allowAssume    = "allow sts:AssumeRole on the role, and let its trust policy name who sends"
)

// awsAdvice says what to do about an error, by its code.
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors and
// https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
var awsAdvice = map[string]string{ //nolint:gosec // codes of errors, and what to do
	"NotFound":                    "create the topic, or correct its ARN in holdfast.yaml",
	"AuthorizationError":          allowPublish,
	"AccessDenied":                allowPublish,
	"AccessDeniedException":       allowPublish,
	"KMSAccessDenied":             "allow kms:GenerateDataKey* and kms:Decrypt with the topic's key, in the key's policy or that of who sends",
	"KMSDisabled":                 "enable the topic's key",
	"KMSInvalidState":             "see to the topic's key",
	"KMSNotFound":                 "give the topic a key that there is",
	"KMSOptInRequired":            "see to the topic's key",
	"InvalidClientTokenId":        newCredentials,
	"UnrecognizedClientException": newCredentials,
	"SignatureDoesNotMatch":       newCredentials,
	"IncompleteSignature":         newCredentials,
	"MissingAuthenticationToken":  newCredentials,
	"ExpiredToken":                "renew the credentials",
	"ExpiredTokenException":       "renew the credentials",
}

// awsLater are starts of codes that time mends, whatever the status.
var awsLater = []string{
	"Throttl", "RequestLimitExceeded", "RequestThrottled", "TooManyRequests", "KMSThrottling", "SlowDown",
	"ExpiredToken", "RequestExpired", "RequestTimeout", "Internal", "ServiceUnavailable",
}

// failure says what an error of publishing is.
func (t *topic) failure(ctx context.Context, err error) error {
	what := "SNS topic " + t.arn
	if strings.Contains(err.Error(), "get identity") && operation(err).ServiceID == "SNS" {
		return hide(fmt.Errorf("%s: no credentials: %w; %s", what, innermost(err), newCredentials), nil)
	}
	secrets := t.secrets(ctx)
	var api smithy.APIError
	answer := answerOf(err) //nolint:bodyclose // the SDK has read and closed it
	if !errors.As(err, &api) || api.ErrorCode() == "UnknownError" {
		if answer == nil || answer.StatusCode == 0 {
			return caller{what: what, secrets: secrets}.unreached(innermost(err))
		}
		api = &smithy.GenericAPIError{Code: "answers " + answer.Status} // is not AWS
	}
	code, detail, advice := api.ErrorCode(), api.ErrorMessage(), awsAdvice[api.ErrorCode()]
	if by := operation(err); by != nil && by.ServiceID != "SNS" {
		what += ": " + by.ServiceID + " " + by.OperationName
		if advice == allowPublish {
			advice = allowAssume
		}
	}
	if advice == newCredentials {
		detail = "" // quotes what was signed, a session's token among it
	}
	parts := slices.DeleteFunc([]string{code, brief(hideText(detail, secrets))}, func(s string) bool { return s == "" })
	text := what + ": " + strings.Join(parts, ": ")
	if advice != "" {
		text += "; " + advice
	}
	return &Failure{Err: hide(errors.New(text), secrets), Refused: refusedByAWS(code, answer), After: waitOf(answer)}
}

// refusedByAWS reports whether it takes somebody to change something.
func refusedByAWS(code string, answer *http.Response) bool {
	if slices.ContainsFunc(awsLater, func(start string) bool { return strings.HasPrefix(code, start) }) {
		return false
	}
	if answer == nil {
		return true
	}
	switch answer.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return answer.StatusCode < 500
}

func waitOf(answer *http.Response) time.Duration {
	if answer != nil {
		return retryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return 0
}

// answerOf is the answer that an error of the SDK is about; nil without one.
func answerOf(err error) *http.Response {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil {
		return answer.Response.Response
	}
	return nil
}

// operation is the innermost operation that failed: one that needs credentials fails
// when getting those does.
func operation(err error) *smithy.OperationError {
	var last, next *smithy.OperationError
	for errors.As(err, &next) {
		last, err, next = next, next.Err, nil
	}
	return last
}

// innermost is what an error of the SDK comes down to, without the list of all that
// passed it on.
func innermost(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return bare(err)
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// secrets are the credentials in use. They are known by now, unless getting them is
// what failed.
func (t *topic) secrets(ctx context.Context) []string {
	provider := t.client.Options().Credentials
	if provider == nil {
		return nil
	}
	c, err := provider.Retrieve(ctx)
	if err != nil {
		return nil
	}
	return []string{c.SecretAccessKey, c.SessionToken}
}
