//! Pauses and limits, and how they are enforced while a fetch picks jobs.

use std::collections::{HashMap, HashSet};

use super::row::instant;
use crate::broker::{Limits, Scope, ScopeRule};

/// What holds for one scope.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) paused: bool,
    pub(crate) limits: Limits,
    bucket: Bucket,
}

/// A token bucket. It starts full; its level is memory, so a restart fills it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    tokens: f64,
    refilled_at: i64,
}

impl Rule {
    /// Returns when the bucket has its next token, where it has none now.
    fn opens_at(&self, now: i64) -> Option<i64> {
        let rate = self.limits.rate_per_s?;
        let mut filled = self.clone();
        filled.refill(now);
        let missing = 1.0 - filled.bucket.tokens;
        (missing > 0.0).then(|| now + (missing / rate * 1e3).ceil() as i64)
    }

    fn refill(&mut self, now: i64) {
        let rate = self.limits.rate_per_s.unwrap_or(0.0);
        let elapsed_s = (now - self.bucket.refilled_at).max(0) as f64 / 1e3;
        self.bucket.tokens = (self.bucket.tokens + elapsed_s * rate).min(capacity(self.limits));
        self.bucket.refilled_at = now;
    }
}

fn capacity(limits: Limits) -> f64 {
    let rate = limits.rate_per_s.unwrap_or(0.0);
    if limits.burst > 0 {
        f64::from(limits.burst)
    } else {
        // One second's worth, and at least one job, or a slow rate would never start any.
        rate.max(1.0)
    }
}

/// Every scope with a pause or a limit.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    rules: HashMap<Scope, Rule>,
}

impl Scopes {
    /// Sets what holds for a scope; nothing removes it. A bucket keeps its level where there was a rate before.
    pub(crate) fn set(&mut self, scope: Scope, paused: bool, limits: Limits, now: i64) {
        let before = self.rules.remove(&scope);
        // Without one of these, the burst says nothing either.
        let unlimited =
            limits.concurrency.is_none() && limits.rate_per_s.is_none() && limits.weight.is_none();
        if !paused && unlimited {
            return;
        }
        let bucket = before
            .filter(|rule| rule.limits.rate_per_s.is_some())
            .map_or_else(
                || Bucket {
                    tokens: capacity(limits),
                    refilled_at: now,
                },
                |rule| rule.bucket,
            );
        self.rules.insert(
            scope,
            Rule {
                paused,
                limits,
                bucket,
            },
        );
    }

    /// Takes over the levels of the buckets that `before` knows.
    pub(crate) fn keep_buckets(&mut self, before: &Self) {
        for (scope, rule) in &mut self.rules {
            if let Some(before) = before.rules.get(scope)
                && before.limits.rate_per_s.is_some()
            {
                rule.bucket = before.bucket;
            }
        }
    }

    /// Returns whether a scope is paused, and its limits.
    pub(crate) fn get(&self, scope: &Scope) -> (bool, Limits) {
        self.rules
            .get(scope)
            .map_or((false, Limits::default()), |rule| {
                (rule.paused, rule.limits)
            })
    }

    /// Describes every scope, in order.
    pub(crate) fn describe(&self, now: i64) -> Vec<ScopeRule> {
        let mut rules: Vec<_> = self
            .rules
            .iter()
            .map(|(scope, rule)| ScopeRule {
                scope: scope.clone(),
                paused: rule.paused,
                limits: rule.limits,
                opens_at: rule.opens_at(now).map(instant),
            })
            .collect();
        rules.sort_by(|a, b| a.scope.cmp(&b.scope));
        rules
    }

    /// Returns the scopes whose running jobs must be counted.
    pub(crate) fn with_concurrency(&self) -> Vec<Scope> {
        self.rules
            .iter()
            .filter(|(_, rule)| rule.limits.concurrency.is_some())
            .map(|(scope, _)| scope.clone())
            .collect()
    }

    /// Tells whether anything is limited, so that a slot that frees may free another queue's job.
    pub(crate) fn any_limits(&self) -> bool {
        self.rules
            .values()
            .any(|rule| rule.limits != Limits::default())
    }

    /// Returns the scopes that have a limit, with how many more jobs each may start now.
    fn allowances(&mut self, running: &HashMap<Scope, u64>, now: i64) -> HashMap<Scope, u64> {
        let mut allowances = HashMap::new();
        for (scope, rule) in &mut self.rules {
            let mut allowed = u64::MAX;
            if let Some(most) = rule.limits.concurrency {
                let running = running.get(scope).copied().unwrap_or(0);
                allowed = u64::from(most).saturating_sub(running);
            }
            if rule.limits.rate_per_s.is_some() {
                rule.refill(now);
                allowed = allowed.min(rule.bucket.tokens as u64);
            }
            if allowed < u64::MAX {
                allowances.insert(scope.clone(), allowed);
            }
        }
        allowances
    }

    /// Takes one token for a started job.
    fn take(&mut self, scope: &Scope) {
        if let Some(rule) = self.rules.get_mut(scope)
            && rule.limits.rate_per_s.is_some()
        {
            rule.bucket.tokens -= 1.0;
        }
    }
}

/// Which jobs one fetch may still pick: what is left of every limit, and what is shut.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    scopes: &'a mut Scopes,
    allowances: HashMap<Scope, u64>,
    shut_tenants: HashSet<String>,
}

impl<'a> Gate<'a> {
    /// Opens what the scopes allow. `running` must say how many jobs run for each scope of
    /// [`Scopes::with_concurrency`].
    pub(crate) fn new(scopes: &'a mut Scopes, running: &HashMap<Scope, u64>, now: i64) -> Self {
        let allowances = scopes.allowances(running, now);
        let mut gate = Self {
            scopes,
            allowances,
            shut_tenants: HashSet::new(),
        };
        gate.shut_tenants = gate
            .scopes
            .rules
            .keys()
            .filter_map(|scope| match scope {
                Scope::Tenant(name) if !gate.is_open(scope) => Some(name.clone()),
                _ => None,
            })
            .collect();
        gate
    }

    /// Tells whether a job of the scope may be picked, as far as the scope goes.
    pub(crate) fn is_open(&self, scope: &Scope) -> bool {
        let paused = self.scopes.rules.get(scope).is_some_and(|rule| rule.paused);
        !paused && self.allowances.get(scope) != Some(&0)
    }

    /// Returns the tenants of which no job may be picked.
    pub(crate) fn shut_tenants(&self) -> &HashSet<String> {
        &self.shut_tenants
    }

    /// Returns a tenant's weight among others, 1–100.
    pub(crate) fn weight(&self, tenant: &str) -> u32 {
        if self.scopes.rules.is_empty() {
            return Limits::default().weight();
        }
        let (_, limits) = self.scopes.get(&Scope::Tenant(tenant.to_owned()));
        limits.weight()
    }

    /// Takes a job if every limit allows. A refused job's like, of the same queue, kind and tenant,
    /// is refused until the fetch ends.
    pub(crate) fn admit(&mut self, queue: &str, kind: &str, tenant: &str) -> bool {
        if self.scopes.rules.is_empty() {
            return true;
        }
        let scopes = [
            Scope::Queue(queue.to_owned()),
            Scope::Kind(kind.to_owned()),
            Scope::Tenant(tenant.to_owned()),
        ];
        if !scopes.iter().all(|scope| self.is_open(scope)) {
            if !self.is_open(&scopes[2]) {
                self.shut_tenants.insert(tenant.to_owned());
            }
            return false;
        }
        for scope in &scopes {
            if let Some(left) = self.allowances.get_mut(scope) {
                *left -= 1;
                self.scopes.take(scope);
            }
        }
        true
    }
}
