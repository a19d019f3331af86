import Testing
import Dashboard
