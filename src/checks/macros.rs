//! Macros that declare a check. Because of them a check needs only its own file and its name in the list of checks.

/// Declares the parameters of a check as the struct `Params`: help, type and default of each. Every check also has the
/// parameters `enabled` and `severity`. Unknown keys are an error. A check whose parameters begin with `off_by_default;`
/// runs only if a template sets `enabled: true`.
macro_rules! params {
    (off_by_default; $( $rest:tt )*) => { params! { @enabled false; $( $rest )* } };
    (@enabled $enabled:literal; $( $( #[doc = $help:literal] )+ $name:ident : $ty:ty = $default:expr ),* $(,)?) => {
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Params {
            /// Whether the check runs.
            pub enabled: bool,
            /// Severity of every violation of the check. `None`: the check decides.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub severity: Option<crate::finding::Severity>,
            $( $( #[doc = $help] )+ pub $name: $ty, )*
        }

        impl Default for Params {
            fn default() -> Self {
                Self { enabled: $enabled, severity: None, $( $name: $default, )* }
            }
        }

        impl Params {
            /// Returns name, default and help of each parameter, for documentation.
            pub fn describe() -> Vec<crate::checks::CheckParameter> {
                vec![$( crate::checks::CheckParameter {
                    name: stringify!($name),
                    default: serde_json::to_value::<$ty>($default).unwrap_or_default(),
                    help: concat!($( $help ),+).trim_ascii(),
                }, )*]
            }
        }
    };
    ($( $rest:tt )*) => { params! { @enabled true; $( $rest )* } };
}

/// Declares the list of checks from pairs `group::id`. The settings of a template, the documentation and the calls of
/// [`run`](crate::checks::run) are made from this list.
macro_rules! check_list {
    ($( $group:ident :: $id:ident ),* $(,)?) => {
        /// Settings of the checks in a template (section `checks`): the parameters of every check, by its id.
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct CheckSettings {
            $( pub $id: $group::$id::Params, )*
        }

        /// Metadata of every check, in the order of the list of checks.
        pub const CHECKS: &[&CheckMeta] = &[$( &$group::$id::META, )*];

        /// Returns metadata and parameters of every check, in the order of the list of checks. The result is built anew
        /// by each call.
        #[must_use]
        pub fn list() -> Vec<CheckDescription> {
            vec![$( CheckDescription { meta: $group::$id::META, parameters: $group::$id::Params::describe() }, )*]
        }

        /// Returns the verdict of every check that `settings` enables and whose scope includes the output's protocol.
        fn verdicts(context: &CheckContext<'_>, settings: &CheckSettings) -> Vec<RawOutcome> {
            let mut raw = Vec::new();
            $( if settings.$id.enabled && $group::$id::META.scope.judges(context.output.protocol()) {
                let verdict = $group::$id::check(context, &settings.$id);
                raw.push(RawOutcome { meta: &$group::$id::META, severity: settings.$id.severity, verdict });
            } )*
            raw
        }
    };
}
