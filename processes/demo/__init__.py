"""The demo: a cohort of invented trainees and the partners that they meet."""
