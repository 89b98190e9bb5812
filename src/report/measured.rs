/// A struct of facts, each absent in JSON where this probe didn't measure it.
macro_rules! measured {
    ($( #[doc = $doc:literal] )* $name:ident { $( $field:ident : $ty:ty ),* $(,)? }) => {
        $( #[doc = $doc] )*
        #[derive(Debug, Default, Clone, Copy, PartialEq, serde::Serialize)]
        pub struct $name {
            $( #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>, )*
        }
    };
}

/// For `skip_serializing_if`: an object without a single fact is left out too.
pub fn unmeasured<T: Default + PartialEq>(facts: &T) -> bool {
    *facts == T::default()
}
