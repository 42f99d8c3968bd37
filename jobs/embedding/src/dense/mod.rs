//! Single-precision linear algebra for the built-in models: products with constant matrices, and what lies between them.
//!
//! A matrix is stored once, at load, in the order in which the kernel reads it: panels of 32 columns, each `depth`
//! lines of 32 floats. Every output element is summed on its own in a fixed order, so a row's result does not depend on
//! the rows beside it.

mod kernel;
mod unit;
mod vector;

pub(crate) use self::{
    kernel::Rows,
    vector::{Norm, add, add_relu, gelu, relu, softmax, unit_length},
};

/// A matrix of `depth × columns` floats and a bias for each column, ready to be multiplied from the left.
pub(crate) struct Matrix {
    depth: usize,
    /// Columns, rounded up to whole panels; those added are zero.
    columns: usize,
    panels: Vec<f32>,
    bias: Vec<[f32; kernel::WIDTH]>,
}

impl Matrix {
    /// A matrix whose elements and bias are zero until set.
    pub(crate) fn zero(depth: usize, columns: usize) -> Self {
        let panels = columns.div_ceil(kernel::WIDTH);
        let columns = panels * kernel::WIDTH;
        Self {
            depth,
            columns,
            panels: vec![0.0; depth * columns],
            bias: vec![[0.0; kernel::WIDTH]; panels],
        }
    }

    /// Takes row-major `depth × columns` values.
    pub(crate) fn from_rows(values: &[f32], columns: usize) -> Self {
        let mut matrix = Self::zero(values.len() / columns, columns);
        for (line, row) in values.chunks_exact(columns).enumerate() {
            matrix.set_line(line, row);
        }
        matrix
    }

    /// Takes the columns one after the other: `read(i, column)` writes column `i`, top to bottom.
    pub(crate) fn from_columns(
        depth: usize,
        columns: usize,
        mut read: impl FnMut(usize, &mut [f32]),
    ) -> Self {
        let mut matrix = Self::zero(depth, columns);
        let mut buffer = vec![0.0; depth * kernel::WIDTH];
        for (panel, index) in matrix
            .panels
            .chunks_exact_mut(depth * kernel::WIDTH)
            .zip(0..)
        {
            let first = index * kernel::WIDTH;
            let count = kernel::WIDTH.min(columns - first);
            for (column, buffer) in buffer.chunks_exact_mut(depth).take(count).enumerate() {
                read(first + column, buffer);
            }
            for (line, values) in panel.chunks_exact_mut(kernel::WIDTH).enumerate() {
                for (column, value) in values[..count].iter_mut().enumerate() {
                    *value = buffer[column * depth + line];
                }
            }
        }
        matrix
    }

    /// Sets the whole bias; missing values stay zero.
    #[must_use]
    pub(crate) fn with_bias(mut self, bias: &[f32]) -> Self {
        self.bias.as_flattened_mut()[..bias.len()].copy_from_slice(bias);
        self
    }

    /// Sets line `line` of the first columns to `values`.
    pub(crate) fn set_line(&mut self, line: usize, values: &[f32]) {
        for (part, panel) in values.chunks(kernel::WIDTH).zip(0..) {
            let at = (panel * self.depth + line) * kernel::WIDTH;
            self.panels[at..at + part.len()].copy_from_slice(part);
        }
    }

    /// Columns of the product, whole panels.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Writes `rows × self + bias` to `out`, row-major with `columns()` floats a row.
    ///
    /// # Panics
    /// When `rows` or `out` is too short.
    pub(crate) fn multiply(&self, rows: Rows<'_>, out: &mut [f32]) {
        self.multiply_into(rows, out, self.columns);
    }

    /// As [`Matrix::multiply`], with rows of `out` that begin `stride` floats apart.
    ///
    /// # Panics
    /// When `rows` or `out` is too short.
    pub(crate) fn multiply_into(&self, rows: Rows<'_>, out: &mut [f32], stride: usize) {
        for ((panel, bias), index) in self
            .panels
            .chunks_exact(self.depth * kernel::WIDTH)
            .zip(&self.bias)
            .zip(0..)
        {
            kernel::columns(rows, panel, bias, &mut out[index * kernel::WIDTH..], stride);
        }
    }

    /// `vector × self + bias`.
    pub(crate) fn multiply_vector(&self, vector: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.columns];
        self.multiply(
            Rows {
                values: vector,
                count: 1,
                stride: vector.len(),
            },
            &mut out,
        );
        out
    }
}
