//! The two macros that let a check be one file and one name.

/// Declares a check's `Params`: each field with its help, type and default. Every check also has `enabled`
/// and `severity`. Unknown keys are refused.
macro_rules! params {
    ($( #[doc = $help:literal] $name:ident : $ty:ty = $default:expr ),* $(,)?) => {
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Params {
            /// `false` switches the check off.
            pub enabled: bool,
            /// Overrides the check's severity.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub severity: Option<crate::finding::Severity>,
            $( #[doc = $help] pub $name: $ty, )*
        }

        impl Default for Params {
            fn default() -> Self {
                Self { enabled: true, severity: None, $( $name: $default, )* }
            }
        }

        impl Params {
            /// Each parameter with its default and help, for documentation.
            pub fn describe() -> Vec<crate::checks::CheckParameter> {
                vec![$( crate::checks::CheckParameter {
                    name: stringify!($name),
                    default: serde_json::to_value::<$ty>($default).unwrap_or_default(),
                    help: $help.trim_ascii(),
                }, )*]
            }
        }
    };
}

/// Declares the list of checks from `group::id` pairs. The settings of a template, the documentation and the runner are made from it.
macro_rules! check_list {
    ($( $group:ident :: $id:ident ),* $(,)?) => {
        /// A template's `checks:` section: one entry a check.
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct CheckSettings {
            $( pub $id: $group::$id::Params, )*
        }

        /// Every check, in the order of the list.
        #[must_use]
        pub fn list() -> Vec<CheckDescription> {
            vec![$( CheckDescription { meta: $group::$id::META, parameters: $group::$id::Params::describe() }, )*]
        }

        /// Runs every check that `settings` leaves on and that is one of the output's protocol.
        #[must_use]
        pub fn run(context: &CheckContext<'_>, settings: &CheckSettings) -> Vec<CheckOutcome> {
            let mut outcomes = Vec::new();
            $( if settings.$id.enabled && $group::$id::META.group.judges(context.output.protocol()) {
                let verdict = $group::$id::check(context, &settings.$id);
                outcomes.push(outcome(&$group::$id::META, settings.$id.severity, verdict, &context.output.name));
            } )*
            outcomes
        }
    };
}
