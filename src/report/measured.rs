//! Structs of measured values: a field is absent if its value was not measured.

/// Declares a struct of measured values. A value that this probe didn't measure is `None`, and absent in JSON.
macro_rules! measured {
    ($( #[doc = $doc:literal] )* $name:ident { $( $field:ident : $ty:ty ),* $(,)? }) => {
        $( #[doc = $doc] )*
        #[derive(Debug, Default, Clone, Copy, PartialEq, serde::Serialize)]
        pub struct $name {
            $( #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>, )*
        }
    };
}

/// Whether no value of a struct was measured. It is used as `skip_serializing_if`, so that JSON doesn't have the object
/// then.
pub(crate) fn unmeasured<T: Default + PartialEq>(facts: &T) -> bool {
    *facts == T::default()
}
