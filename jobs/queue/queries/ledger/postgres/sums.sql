-- One row a state with its count, and one without a state: accepted and pruned.
SELECT state, count(*), 0::bigint FROM ledger_jobs GROUP BY state
UNION ALL
SELECT NULL, coalesce(sum(accepted), 0)::bigint, coalesce(sum(pruned), 0)::bigint FROM ledger_totals
