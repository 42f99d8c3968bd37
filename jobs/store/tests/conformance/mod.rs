//! What every store promises, as cases over `dyn KnowledgeStore`. A store's own test target opens it and runs them all:
//! see `tests/sqlite.rs`.

#![allow(
    unreachable_pub,
    reason = "shared by the test targets of several stores, each a crate of its own"
)]

pub mod documents;
pub mod fixture;
pub mod graph;
pub mod removal;
pub mod search;
pub mod stages;
pub mod versions;

/// Runs a macro with the list of all cases.
#[macro_export]
macro_rules! for_each_case {
    ($run:ident) => {
        $run! {
            documents::the_same_bytes_are_accepted_once;
            documents::other_bytes_are_a_new_version;
            documents::tenants_do_not_share_sources;
            documents::status_follows_from_stages;
            documents::a_list_pages_newest_first_and_filters;
            documents::metadata_must_be_an_object;
            stages::a_newer_lease_takes_over_and_the_older_is_fenced;
            stages::a_completed_stage_is_not_done_twice;
            stages::a_superseded_version_writes_nothing;
            stages::a_document_being_deleted_writes_nothing;
            stages::repeated_verbs_change_nothing;
            stages::failed_stages_run_again_after_reset;
            stages::open_stages_come_by_whole_documents;
            stages::an_unknown_version_is_not_found;
            stages::job_ids_are_given_out_with_the_rows;
            stages::a_dead_job_fails_only_a_stage_that_is_still_its_own;
            versions::unchanged_chunks_keep_support_and_vectors;
            versions::a_rerun_process_stage_may_permute_chunks;
            versions::a_document_without_chunks_has_no_shards;
            versions::a_repeated_replace_keeps_finished_shards;
            versions::an_older_versions_blob_becomes_unused;
            versions::a_shard_keeps_its_range;
            graph::names_types_and_labels_follow_counts;
            graph::applying_twice_changes_nothing;
            graph::an_extraction_that_breaks_rules_is_refused;
            graph::a_text_that_no_chunk_has_is_left_out;
            graph::weights_are_mutual_information;
            graph::the_heaviest_relations_come_first;
            graph::evidence_points_into_chunks;
            graph::another_dimension_is_refused;
            removal::deletion_removes_exactly_what_was_alone;
            removal::an_unused_blob_may_be_used_again;
            removal::a_blob_in_use_is_not_forgotten;
            removal::an_unknown_document_removes_nothing;
            search::words_find_english_and_chinese;
            search::any_words_are_valid;
            search::tenants_and_hidden_documents_are_not_found;
            search::words_of_many_tenants_are_ranked_alike;
            search::vectors_find_the_exact_top;
            search::a_loaded_index_follows_writes;
            search::chunks_with_one_text_are_all_found;
        }
    };
}
