package lab

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"
)

// Fault is what a proxy does to a request instead of only passing it on.
type Fault struct {
	Delay time.Duration   // wait first; then pass on, if nothing else is set
	Until <-chan struct{} // wait until it is closed, too
	Cut   bool            // close the connection without an answer
	Kind  FaultKind       // answer with this error
	Times int             // how many requests it happens to; 0: all
}

// FaultKind is an error of AWS; its code and status depend on the service.
type FaultKind int

// The errors that a proxy can answer with.
const (
	NoFault      FaultKind = iota
	AccessDenied           // AccessDeniedException, AccessDenied, UnauthorizedOperation
	Throttling             // ThrottlingException, Throttling, RequestLimitExceeded, SlowDown
	ServerError            // InternalServerError, InternalFailure, InternalError
)

// awsError is an error as a service names it.
type awsError struct {
	status int
	code   string
}

// awsErrors names the kinds as each protocol's services do.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and the
// "Common Errors" page of the others.
var awsErrors = map[FaultKind]map[protocol]awsError{
	AccessDenied: {
		awsJSON:  {400, "AccessDeniedException"},
		restJSON: {403, "AccessDeniedException"},
		query:    {403, "AccessDenied"},
		ec2Query: {403, "UnauthorizedOperation"},
		restXML:  {403, "AccessDenied"},
	},
	Throttling: {
		awsJSON:  {400, "ThrottlingException"},
		restJSON: {429, "TooManyRequestsException"},
		query:    {400, "Throttling"},
		ec2Query: {503, "RequestLimitExceeded"},
		restXML:  {503, "SlowDown"},
	},
	ServerError: {
		awsJSON:  {500, "InternalServerError"},
		restJSON: {500, "ServiceException"},
		query:    {500, "InternalFailure"},
		ec2Query: {500, "InternalError"},
		restXML:  {500, "InternalError"},
	},
}

// message is what AWS would say to the request.
func (kind FaultKind) message(r Request) string {
	switch kind {
	case AccessDenied:
		return fmt.Sprintf("User: arn:aws:iam::123456789012:user/lab is not authorized to perform: %s:%s", r.Service, r.Action)
	case Throttling:
		return "Rate exceeded"
	default:
		return "Internal error"
	}
}

// answer writes the error as the request's protocol wants it.
func (kind FaultKind) answer(w http.ResponseWriter, r Request) {
	e, message := awsErrors[kind][r.protocol], kind.message(r)
	fields := xmlFields{Code: e.code, Message: message}
	w.Header().Set("X-Amzn-Requestid", faultRequestID)
	switch {
	case r.protocol == awsJSON:
		writeJSON(w, "application/x-amz-json-1.0", e.status,
			map[string]string{"__type": "com.amazonaws#" + e.code, "message": message})
	case r.protocol == restJSON:
		w.Header().Set("X-Amzn-Errortype", e.code)
		writeJSON(w, "application/json", e.status, map[string]string{"message": message})
	case r.protocol == ec2Query:
		writeXML(w, e.status, xmlEC2{Errors: []xmlFields{fields}, RequestID: faultRequestID})
	case r.Service == "s3":
		writeXML(w, e.status, xmlS3{xmlFields: fields, RequestID: faultRequestID})
	default:
		writeXML(w, e.status, xmlCommon{Error: fields, RequestID: faultRequestID})
	}
}

// faultRequestID marks an answer as a proxy's.
const faultRequestID = "00000000-0000-4000-8000-00000fa17000"

type xmlFields struct {
	Code    string
	Message string
}

type xmlCommon struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Error     xmlFields
	RequestID string `xml:"RequestId"`
}

type xmlEC2 struct {
	XMLName   xml.Name    `xml:"Response"`
	Errors    []xmlFields `xml:"Errors>Error"`
	RequestID string
}

type xmlS3 struct {
	XMLName xml.Name `xml:"Error"`
	xmlFields
	RequestID string `xml:"RequestId"`
}

func writeJSON(w http.ResponseWriter, contentType string, status int, body map[string]string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the client has gone
}

func writeXML(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(body)
}
