"""Whether the data is still that of the baseline, feature by feature, and whole."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Row, framed, to_model
from dashboards.panels import Column, Panel, Query, figure, lines, states, table
from dashboards.queries import BY_MODEL, age, latest, rate
from dashboards.words import DRIFT, EACH, FEATURE

BY_FEATURE = (*BY_MODEL, "feature")


def dashboard() -> Dashboard:
    """Return it."""
    return framed(
        "drift",
        "Models: drift and quality",
        "The chosen models' data against their baselines: of each model the longest window that "
        "holds enough predictions.",
        [
            Row("Now", 4, 4, _now()),
            Row("Features", 1, 10, [_features(), _statuses()]),
            Row("Drift", 2, 9, _drift()),
            Row("Quality", 2, 8, _quality()),
        ],
    )


def _now() -> list[Panel]:
    return [
        figure(
            "Drifted features",
            "The share of features that have drifted, of the model where it is largest.",
            "percentunit",
            latest("ml_drifted_features_ratio"),
        ),
        figure(
            "Drift of the predictions",
            "The PSI of the predictions against the baseline's, of the model where it is largest.",
            "short",
            latest("ml_prediction_drift_psi"),
        ),
        figure(
            "Age of the last evaluation",
            "How long ago the windows ended that were judged last.",
            "s",
            age("mlmonitor_last_evaluation_timestamp_seconds"),
        ),
        figure(
            "Age of the baseline",
            "How long ago the oldest one was made.",
            "s",
            latest("ml_model_age_seconds"),
        ),
    ]


def _features() -> Panel:
    return table(
        "Features",
        "Each feature against the baseline, the most moved ones first. One has drifted when its "
        "PSI is past the limit and past what chance would reach with so many predictions.",
        BY_FEATURE,
        Column(latest("ml_data_drift_psi", *BY_FEATURE), "PSI", "short"),
        Column(latest("ml_data_drift_critical_psi", *BY_FEATURE), "Critical PSI", "short"),
        Column(latest("ml_data_drift_status", *BY_FEATURE), "Status", "none", DRIFT),
        Column(latest("ml_data_drift_ks", *BY_FEATURE), "KS", "short"),
        Column(latest("ml_data_drift_chi_square", *BY_FEATURE), "Chi-square", "short"),
        Column(latest("ml_missing_ratio", *BY_FEATURE), "Missing", "percentunit"),
        Column(latest("ml_outlier_ratio", *BY_FEATURE), "Outliers", "percentunit"),
        Column(latest("ml_out_of_range_ratio", *BY_FEATURE), "Out of range", "percentunit"),
        Column(latest("ml_unseen_category_ratio", *BY_FEATURE), "Unseen", "percentunit"),
        link=to_model(*BY_MODEL),
    )


def _statuses() -> Panel:
    features = latest("ml_data_drift_status", *BY_FEATURE)
    predictions = latest("ml_prediction_drift_status", *BY_MODEL)
    named = f'label_replace({predictions}, "feature", "predictions", "", "")'
    return states(
        "Features over time",
        "Since when which feature has drifted, or the predictions have.",
        Query(f"{features} or {named}", FEATURE),
        DRIFT,
    )


def _drift() -> list[Panel]:
    return [
        lines(
            "Drift of each feature",
            "The PSI of each feature; dashed, the PSI that chance would not reach with so many "
            "predictions. The lines are the limits of the alerts.",
            "short",
            Query(latest("ml_data_drift_psi", *BY_FEATURE), FEATURE),
            Query(latest("ml_data_drift_critical_psi", *BY_FEATURE), f"{FEATURE} critical PSI"),
        ),
        lines(
            "Drifted features",
            "The share of features that have drifted.",
            "percentunit",
            Query(latest("ml_drifted_features_ratio", *BY_MODEL), EACH),
            top=1,
        ),
        lines(
            "Drift of the predictions",
            "The PSI of the predictions against the baseline's, and of the ground truth against "
            "the baseline's.",
            "short",
            Query(latest("ml_prediction_drift_psi", *BY_MODEL), f"{EACH} predictions"),
            Query(latest("ml_label_drift_psi", *BY_MODEL), f"{EACH} ground truth"),
        ),
        lines(
            "Kolmogorov-Smirnov distance",
            "The largest distance between the distributions of a number now and in the baseline.",
            "short",
            Query(latest("ml_data_drift_ks", *BY_FEATURE), FEATURE),
            top=1,
        ),
    ]


def _quality() -> list[Panel]:
    return [
        lines(
            "Missing values",
            "The share of predictions without a value of the feature.",
            "percentunit",
            Query(latest("ml_missing_ratio", *BY_FEATURE), FEATURE),
        ),
        lines(
            "Outliers",
            "The share of values beyond three standard deviations of the baseline.",
            "percentunit",
            Query(latest("ml_outlier_ratio", *BY_FEATURE), FEATURE),
        ),
        lines(
            "Out of range",
            "The share of values outside of the baseline's range.",
            "percentunit",
            Query(latest("ml_out_of_range_ratio", *BY_FEATURE), FEATURE),
        ),
        lines(
            "Unseen categories",
            "The share of values that are categories which the baseline does not know.",
            "percentunit",
            Query(latest("ml_unseen_category_ratio", *BY_FEATURE), FEATURE),
        ),
        lines(
            "Broken rules",
            "Fields per second that break a rule of the baseline, by rule.",
            "cps",
            Query(rate("ml_validation_failures_total", "rule"), "{{rule}}"),
            stacked=True,
        ),
        lines(
            "Broken rules by model",
            "Fields per second that break any rule of the baseline.",
            "cps",
            Query(rate("ml_validation_failures_total", *BY_MODEL), EACH),
        ),
    ]
