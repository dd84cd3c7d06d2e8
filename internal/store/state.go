package store

import (
	"context"

	"holdfast/internal/drift"
)

// StateMark is what is remembered of a stack's state; the zero value where nothing
// is. In a history of an earlier version it is that of the latest result.
func (s *Store) StateMark(ctx context.Context, stackID string) (drift.StateMark, error) {
	for mark, err := range each(ctx, s, "reading what is known of a state", document[drift.StateMark], "SELECT mark FROM states WHERE stack_id = $1", clean(stackID)) {
		return mark, err
	}
	latest, ok, err := s.Stack(ctx, stackID)
	if err != nil || !ok {
		return drift.StateMark{}, err
	}
	return latest.Mark(), nil
}

// SaveStateMark remembers another state of a stack from now on.
func (s *Store) SaveStateMark(ctx context.Context, stackID string, mark drift.StateMark) error {
	const what = "remembering a state"
	text, err := encode(mark)
	if err != nil {
		return s.failed(what, err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT INTO states (stack_id, mark) VALUES ($1, $2)
		ON CONFLICT (stack_id) DO UPDATE SET mark = excluded.mark`, clean(stackID), text)
	if err != nil {
		return s.failed(what, err)
	}
	return nil
}
