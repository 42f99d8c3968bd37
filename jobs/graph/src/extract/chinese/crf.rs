//! The best path of tags through a sentence (Viterbi). No scores for start and stop.

/// Returns one tag a row. `emissions` is `[rows, tags]`, `transitions` is `[from, to]`.
pub(super) fn decode(emissions: &[f32], transitions: &[f32], tags: usize) -> Vec<u8> {
    let rows = emissions.len() / tags;
    if rows == 0 {
        return Vec::new();
    }
    let mut score = emissions[..tags].to_vec();
    let mut best = vec![0.0f32; tags];
    let mut back = vec![0u8; rows * tags];
    for row in 1..rows {
        let from = &mut back[row * tags..(row + 1) * tags];
        best.fill(f32::NEG_INFINITY);
        for (tag, &so_far) in score.iter().enumerate() {
            let step = &transitions[tag * tags..(tag + 1) * tags];
            for ((best, from), step) in best.iter_mut().zip(from.iter_mut()).zip(step) {
                let candidate = so_far + step;
                // Strictly greater: the first tag wins a tie.
                let better = candidate > *best;
                *best = if better { candidate } else { *best };
                *from = if better { tag as u8 } else { *from };
            }
        }
        for ((score, best), emission) in score.iter_mut().zip(&best).zip(&emissions[row * tags..]) {
            *score = best + emission;
        }
    }
    let mut last = (0..tags).fold(
        0,
        |top, tag| if score[tag] > score[top] { tag } else { top },
    );
    let mut path = vec![0u8; rows];
    for row in (0..rows).rev() {
        path[row] = last as u8;
        last = usize::from(back[row * tags + last]);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_can_outweigh_an_emission() {
        // Alone, the second row would be tag 1; going from 0 to 1 costs more than that gains.
        let emissions = [1.0, 0.0, 0.0, 0.5];
        assert_eq!(decode(&emissions, &[0.0, 0.0, 0.0, 0.0], 2), [0, 1]);
        assert_eq!(decode(&emissions, &[0.0, -2.0, 0.0, 0.0], 2), [0, 0]);
        assert!(decode(&[], &[0.0; 4], 2).is_empty());
    }
}
