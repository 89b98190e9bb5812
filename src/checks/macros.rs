//! The two macros that reduce a new check to one file and one name in a list.

/// Declares a check's `Params`: help, type and default of each parameter. Every check also has the parameters `enabled`
/// and `severity`. Unknown keys are an error.
macro_rules! params {
    ($( $( #[doc = $help:literal] )+ $name:ident : $ty:ty = $default:expr ),* $(,)?) => {
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Params {
            /// Whether the check runs.
            pub enabled: bool,
            /// Severity of every violation. `None`: the check decides.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub severity: Option<crate::finding::Severity>,
            $( $( #[doc = $help] )+ pub $name: $ty, )*
        }

        impl Default for Params {
            fn default() -> Self {
                Self { enabled: true, severity: None, $( $name: $default, )* }
            }
        }

        impl Params {
            /// Default and help of each parameter, for documentation.
            pub fn describe() -> Vec<crate::checks::CheckParameter> {
                vec![$( crate::checks::CheckParameter {
                    name: stringify!($name),
                    default: serde_json::to_value::<$ty>($default).unwrap_or_default(),
                    help: concat!($( $help ),+).trim_ascii(),
                }, )*]
            }
        }
    };
}

/// Declares the list of checks from `group::id` pairs. The settings of a template, the documentation and the runner are made from it.
macro_rules! check_list {
    ($( $group:ident :: $id:ident ),* $(,)?) => {
        /// The section `checks` of a template: the parameters of every check, by its id.
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct CheckSettings {
            $( pub $id: $group::$id::Params, )*
        }

        /// The metadata of every check, in the order of the list.
        pub const CHECKS: &[&CheckMeta] = &[$( &$group::$id::META, )*];

        /// Metadata and parameters of every check, in the order of the list. It is built anew by each call.
        #[must_use]
        pub fn list() -> Vec<CheckDescription> {
            vec![$( CheckDescription { meta: $group::$id::META, parameters: $group::$id::Params::describe() }, )*]
        }

        /// Runs every check that `settings` enables and whose scope includes the output's protocol.
        #[must_use]
        pub fn run(context: &CheckContext<'_>, settings: &CheckSettings) -> Vec<CheckOutcome> {
            let mut raw = Vec::new();
            $( if settings.$id.enabled && $group::$id::META.scope.judges(context.output.protocol()) {
                let verdict = $group::$id::check(context, &settings.$id);
                raw.push(alternatives::RawOutcome { meta: &$group::$id::META, severity: settings.$id.severity, verdict });
            } )*
            alternatives::rate(context, &mut raw);
            raw.into_iter().map(|o| verdict::outcome(o.meta, o.severity, o.verdict, &context.output.name)).collect()
        }
    };
}
