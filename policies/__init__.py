"""The rules as data: policies, programs, divisions, occupations, and their loader."""
