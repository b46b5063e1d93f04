//! The suite: one file for each task of a store.

pub(crate) mod deciding;
pub(crate) mod history;
pub(crate) mod lease;
pub(crate) mod place;
pub(crate) mod pruning;
pub(crate) mod queue;
pub(crate) mod reading;
pub(crate) mod round_trip;
pub(crate) mod sharing;
pub(crate) mod shown;
pub(crate) mod world;
pub(crate) mod writing;

pub(crate) use place::Place;

/// Makes one test of each behaviour for the stores of one kind of [`Place`]. A behavior that is
/// missing here is dead code, so the compiler finds it.
macro_rules! suite {
    ($name:ident, $place:ty) => {
        mod $name {
            crate::store::conformance::suite! { @tests $place;
                lease {
                    a_lease_is_granted_if_it_is_free
                    its_owner_renews_a_lease
                    a_held_lease_is_refused_with_its_owner_and_its_end
                    a_lease_is_taken_over_when_it_has_expired_and_not_before
                    a_released_lease_is_free_at_once
                    no_owner_releases_the_lease_of_another
                    one_of_two_simultaneous_requests_gets_the_lease
                    without_the_lease_nothing_is_stored
                    after_a_takeover_the_old_owner_stores_nothing
                    an_expired_lease_counts_until_another_owner_takes_it
                    without_the_lease_nothing_is_pruned
                    an_operator_needs_no_lease_but_the_revision
                }
                writing {
                    a_new_recovery_is_stored_with_its_entry
                    a_failed_run_is_adopted_once
                    a_run_that_was_issued_is_never_adopted
                    a_change_moves_its_recovery_on
                    a_stale_change_is_skipped_and_the_others_are_stored
                    a_change_of_an_unknown_recovery_is_skipped
                    a_second_change_of_a_recovery_is_skipped
                    changes_after_a_stale_one_are_skipped_with_it
                    attempts_are_appended_and_never_altered
                    a_run_that_is_set_to_work_again_may_be_issued_twice
                    a_note_is_stored_once_for_a_run_event_and_reason
                    a_note_repeats_no_entry_of_a_change
                    progress_is_kept_for_each_sandbox
                    an_empty_batch_stores_nothing
                    five_hundred_changes_are_one_batch
                }
                round_trip {
                    every_state_reads_back
                    any_recovery_reads_back
                    any_entry_reads_back
                    any_order_reads_back_and_replaces_the_one_of_its_scope
                }
                reading {
                    open_recoveries_are_those_of_the_sandbox_that_are_not_final
                    recoveries_are_shown_newest_change_first_and_filtered
                    recoveries_are_read_in_pages_that_leave_none_out
                    recoveries_are_counted_by_state
                    a_recovery_is_found_by_its_root_run_and_by_every_issued_run
                    known_runs_are_found_among_a_thousand
                    the_journal_of_a_run_is_read_in_the_order_of_writing
                    the_history_of_a_sandbox_is_read_by_event_and_since_a_moment
                    an_empty_store_returns_nothing
                }
                queue {
                    recoveries_under_way_are_read_oldest_failure_first
                    due_recoveries_are_read_requested_ones_first_then_oldest_first
                    the_next_due_time_is_later_than_now
                    recoveries_are_read_by_their_root_runs
                    held_recoveries_are_read_in_parts
                    unsupported_dataflows_are_read_with_their_last_change
                }
                history {
                    begun_intents_are_counted_since_a_moment
                    unsuccessful_recoveries_are_read_until_their_dataflow_succeeds
                    recoveries_given_up_untried_or_for_another_reason_do_not_count
                    outcomes_are_read_from_entries
                    a_dataflow_fails_from_its_first_failure_after_the_last_success_on
                    the_last_name_of_each_dataflow_is_read
                }
                deciding {
                    a_recovery_amended_between_reading_and_committing_keeps_the_decision
                    a_newer_order_stops_intents_and_nothing_else
                    an_order_that_was_seen_stops_nothing
                    waiting_for_others_is_excused_once
                    a_change_of_the_batch_is_not_excused_by_it
                }
                pruning {
                    old_final_recoveries_go_with_their_attempts_and_entries
                    open_recoveries_are_kept_with_their_entries
                    what_changed_at_the_limit_is_kept
                    thousands_are_pruned
                }
                shown {
                    the_newest_signs_of_each_sandbox_read_back
                    the_last_complete_pass_is_kept_until_a_later_one
                    only_the_holder_reports_signs
                    a_release_is_noted_in_the_signs_of_its_owner
                    the_holder_is_shown_until_it_releases_the_lease
                    what_needs_a_person_is_grouped_by_dataflow_and_cause
                    what_was_given_up_needs_a_person_until_its_dataflow_succeeds
                    what_is_retried_is_read_soonest_first
                    dataflows_are_known_by_each_of_their_names
                    a_run_is_found_and_shown_by_a_prefix_of_its_id
                }
                sharing {
                    a_revision_is_committed_by_one_of_two_handles
                    a_run_is_adopted_by_one_of_two_handles
                    one_handle_reads_what_the_other_wrote
                    everything_is_there_after_reopening
                }
            }
        }
    };
    (@tests $place:ty; $($topic:ident { $($behaviour:ident)* })*) => {
        use crate::store::conformance;
        $(mod $topic {
            use super::conformance;
            $(
                #[tokio::test]
                async fn $behaviour() {
                    conformance::$topic::$behaviour::<$place>().await;
                }
            )*
        })*
    };
}
pub(crate) use suite;
