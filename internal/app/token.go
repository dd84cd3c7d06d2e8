package app

import (
	"context"
	"errors"
	"time"

	"holdfast/internal/server/access"
	"holdfast/internal/store"
)

// TokenAsk says what a new API token is to be.
type TokenAsk struct {
	Name    string
	Role    string        // viewer, operator or admin
	Sources []string      // that it may see; none: all
	Life    time.Duration // 90 days if 0, at most a year
}

// CreateToken makes an API token of the server and gives it, this once. Whoever
// can write to the history may: it begins one where there is none yet.
func CreateToken(ctx context.Context, o HistoryOptions, ask TokenAsk, now time.Time) (token string, t store.Token, err error) {
	role, err := access.ParseRole(ask.Role)
	if err != nil {
		return "", t, err
	}
	settings, err := settingsOf(CheckOptions{Config: o.Config})
	if err != nil {
		return "", t, err
	}
	where, err := historyPlace(o.Store, settings)
	if err != nil {
		return "", t, err
	}
	s, err := openForWriting(ctx, where)
	if err != nil {
		return "", t, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return access.CreateToken(ctx, s, access.TokenAsk{
		Name: ask.Name, Role: role, Sources: ask.Sources, Life: ask.Life, By: Actor(ctx), Via: access.ViaCommand,
	}, now)
}

// Tokens are the API tokens of the server, newest first, without the tokens
// themselves, which nobody has but their owners.
func Tokens(ctx context.Context, o HistoryOptions) (list []store.Token, err error) {
	s, err := OpenHistory(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Tokens(ctx)
}

// RevokeToken makes an API token, named by its name or id, useless at once.
func RevokeToken(ctx context.Context, o HistoryOptions, nameOrID string, now time.Time) (t store.Token, err error) {
	s, err := OpenHistory(ctx, o)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return access.RevokeToken(ctx, s, nameOrID, Actor(ctx), access.ViaCommand, now)
}
