package server

import (
	"errors"
	"net/http"

	"holdfast/internal/store"
)

// Kinds of errors that are the asker's to mend. Their text is shown, and says the
// next step; any other error is the server's own, and stays in its log.
var (
	ErrNotThere  = errors.New("it is not there")
	ErrConflict  = errors.New("it is not as it was thought to be")
	ErrInvalid   = errors.New("it can't be done so")
	ErrForbidden = errors.New("somebody else has to do it")
)

// errPrecondition is of a change whose condition doesn't hold.
var errPrecondition = errors.New("it is another one by now")

// statusOf is the HTTP status of an error, for pages and the API alike. shown
// reports whether its text is for the asker.
func statusOf(err error) (status int, shown bool) {
	switch {
	case errors.Is(err, ErrNotThere):
		return http.StatusNotFound, true
	case errors.Is(err, errPrecondition):
		return http.StatusPreconditionFailed, true
	case errors.Is(err, ErrConflict):
		return http.StatusConflict, true
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden, true
	case errors.Is(err, store.ErrBadPage):
		return http.StatusBadRequest, true
	case errors.Is(err, ErrInvalid):
		return http.StatusUnprocessableEntity, true
	}
	return http.StatusServiceUnavailable, false
}
